"""The workers that need to send: a greedy cover of the finished files."""

import heapq

import numpy as np


def thin(state, copies):
    """Clear the columns of workers that need not send anything.

    Parameters
    ----------
    state : ndarray of bool, shape (f, K)
        Who finished which file.
    copies : int
        Finishers that each file should keep; one with fewer keeps all.

    Returns
    -------
    ndarray of bool, shape (f, K)
        `state` with the columns of some workers cleared: every file keeps
        at least min(copies, number of its finishers) of them, and no
        worker that is left could be cleared too.

    Notes
    -----
    Greedy multicover: the worker with the most files still in need comes
    next, the lower number first.  It takes at most 1 + ln(load) times as
    many workers as the least cover; a last pass clears those that later
    choices made superfluous.  Time O(pairs * log K) after one look at the
    state.

    References
    ----------
    Dobson, "Worst-case analysis of greedy heuristics for integer
    programming with nonnegative data", Math. Oper. Res. 7(4), 1982.

    >>> thin(np.array([[1, 1, 0], [1, 0, 1]], dtype=bool), 1).any(axis=0)
    array([ True, False, False])
    """
    files, workers = np.divmod(np.flatnonzero(state), state.shape[1])
    finishers = _lists(workers, files, state.shape[0])
    finished = _lists(*_by_worker(files, workers), state.shape[1])
    needs = [min(copies, len(row)) for row in finishers]
    chosen = _greedy(finishers, finished, needs)
    kept = _without_superfluous(chosen, finished, needs)
    mask = np.zeros(state.shape[1], dtype=bool)
    mask[kept] = True
    return state & mask


def _by_worker(files, workers):
    order = np.argsort(workers, kind='stable')
    return files[order], workers[order]


def _lists(values, rows, n_rows):
    """Lists of the values of each row; `rows` is ascending."""
    ends = np.searchsorted(rows, np.arange(n_rows + 1))
    values = values.tolist()
    return [values[a:b] for a, b in zip(ends[:-1], ends[1:])]


def _greedy(finishers, finished, needs):
    """Workers in the order of choice until nothing is needed any more."""
    needs = list(needs)
    gains = [sum(needs[i] > 0 for i in files) for files in finished]
    heap = [(-gain, j) for j, gain in enumerate(gains) if gain]
    heapq.heapify(heap)
    chosen = []
    while heap:
        gain, worker = heapq.heappop(heap)
        if -gain != gains[worker]:
            # The gain has shrunk since; it never grows.
            if gains[worker]:
                heapq.heappush(heap, (-gains[worker], worker))
            continue
        chosen.append(worker)
        _serve(finished[worker], needs, gains, finishers)
    return chosen


def _serve(files, needs, gains, finishers):
    for i in files:
        needs[i] -= 1
        if not needs[i]:
            for j in finishers[i]:
                gains[j] -= 1


def _without_superfluous(chosen, finished, needs):
    """The chosen workers but those whose files all have one to spare."""
    spare = [-need for need in needs]
    for worker in chosen:
        for i in finished[worker]:
            spare[i] += 1
    kept = []
    for worker in reversed(chosen):
        if all(spare[i] > 0 for i in finished[worker]):
            for i in finished[worker]:
                spare[i] -= 1
            continue
        kept.append(worker)
    return kept
