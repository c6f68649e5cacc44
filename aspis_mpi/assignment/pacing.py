"""The order for workers whose speeds have been measured, by flows."""

import numpy as np

from aspis_mpi.assignment import graphs

#: Workers that were never measured count as this much slower than the
#: slowest that was.
UNKNOWN = 1000.0


def by_speed(assignment, seconds, copies=1):
    """The order for workers of known speeds.

    Parameters
    ----------
    assignment : Assignment
    seconds : array_like of float, shape (n_workers,)
        That each worker takes for one file; infinite or NaN where that is
        not known, which counts as `UNKNOWN` times the slowest.
    copies : int
        l, at most the replication of every file.

    Returns
    -------
    ndarray of int32, shape (n_workers, load)
        Padded with -1.  No order has l copies of every file sooner at these
        speeds; with those copies left as they are, one more copy of every
        file that has another worker comes as soon as it can, and so on.

    Notes
    -----
    By time T worker j finishes T / seconds_j files.  Whether these can
    give each file its copies is a flow from files to workers; the least
    such T is found by bisection among the times at which some worker
    finishes some file.  Each of the gamma - l + 1 rounds solves
    log2(pairs) flows.
    """
    rounds = turns(assignment, seconds, copies)
    files, slots = np.nonzero(rounds >= 0)
    workers = assignment.holders[files, slots]
    order = np.full_like(assignment.order, -1)
    ranked = np.lexsort((files, rounds[files, slots], workers))
    order[np.arange(order.shape[1]) < assignment.loads[:, None]] = (
        files[ranked])
    return order


def turns(assignment, seconds, copies=1):
    """The round in which each worker computes each file; as in `by_speed`.

    Returns
    -------
    ndarray of int64, shape (n_files, replication)
        0 for the workers of a file's first `copies` copies, then 1, 2, ...
        in the layout of `Assignment.holders`, padded with -1.
    """
    assignment.check_copies(copies)
    holders, loads = assignment.holders, assignment.loads
    finish = _finish_times(loads, assignment.load, _known(seconds, loads))
    used = np.zeros(assignment.n_workers, dtype=np.int64)
    rounds = np.full(holders.shape, -1)
    demand = np.full(assignment.n_files, copies)
    while demand.any():
        free = (rounds < 0) & (holders >= 0)
        new = _earliest(holders, free, demand, finish, used)
        rounds[new] = rounds.max() + 1
        used += np.bincount(holders[new], minlength=used.size)
        demand = (free & ~new).any(axis=1).astype(np.int64)
    return rounds


def _known(seconds, loads):
    seconds = np.array(seconds, dtype=np.float64)
    if seconds.shape != loads.shape:
        raise ValueError(f'seconds of shape {seconds.shape} must be one for '
                         f'each of {loads.size} workers')
    known = np.isfinite(seconds)
    if (seconds[known] < 0).any():
        raise ValueError(f'seconds {seconds[known].min()} must be at least 0')
    slowest = seconds[known].max(initial=0.0)
    seconds[~known] = slowest * UNKNOWN or 1.0
    return seconds


def _finish_times(loads, load, seconds):
    """Times at which positions are finished, (K, l + 1); else infinite."""
    positions = np.arange(load + 1)
    times = (positions + 1) * seconds[:, None]
    return np.where(positions < loads[:, None], times, np.inf)


def _earliest(holders, free, demand, finish, used):
    """The pairs that meet the demand of each file as early as possible.

    Parameters
    ----------
    holders : ndarray of int, shape (f, r)
    free : ndarray of bool, shape (f, r)
        Pairs that may be chosen.
    demand : ndarray of int, shape (f,)
        Workers that each file needs, at most as many as are free.
    finish : ndarray of float, shape (K, l + 1)
        Seconds after which each position is over, infinite past the load.
    used : ndarray of int, shape (K,)
        Positions that are taken, the first ones.

    Returns
    -------
    ndarray of bool, shape (f, r)
    """
    open_times = finish[np.arange(finish.shape[1]) >= used[:, None]]
    times = np.sort(open_times[open_times < np.inf])
    first = np.where(free, finish[np.arange(used.size), used][holders], np.inf)
    # No sooner than enough positions are over, and none of a file's workers
    # sooner than its next position.
    alone = np.take_along_axis(np.sort(first, axis=1),
                               np.maximum(demand, 1)[:, None] - 1, axis=1)
    least = max(times[demand.sum() - 1], alone[demand > 0].max())
    times = np.unique(times[times >= least])
    network = _FlowGraph(holders, free, demand, used.size)
    low, high, best = 0, times.size - 1, None
    while low < high or best is None:
        middle = (low + high) // 2
        done = (finish <= times[middle]).sum(axis=1)
        flow = network.flow(np.maximum(done - used, 0))
        if flow is None:
            low = middle + 1
        else:
            best, high = flow, middle
    chosen = np.zeros(holders.shape, dtype=bool)
    chosen[free] = best
    return chosen


class _FlowGraph:
    """Files that need workers, workers that have room for files.

    Node 0 is the source, then come files and workers, then the sink.
    """

    def __init__(self, holders, free, demand, n_workers):
        from scipy.sparse import csr_array
        n_files = holders.shape[0]
        ends = 1 + n_files + n_workers
        indices = np.concatenate((
            np.arange(1, 1 + n_files), 1 + n_files + holders[free],
            np.full(n_workers, ends)))
        degrees = np.concatenate((
            [n_files], free.sum(axis=1), np.ones(n_workers, dtype=int), [0]))
        data = np.ones(indices.size, dtype=np.int32)
        data[:n_files] = demand
        starts = np.concatenate(([0], degrees.cumsum()))
        self._graph = csr_array((data, indices, starts),
                                shape=(ends + 1, ends + 1))
        self._edges = np.nonzero(free)[0] + 1, 1 + n_files + holders[free]
        self._needed = int(demand.sum())
        self._rooms = slice(indices.size - n_workers, None)

    def flow(self, rooms):
        """The free pairs that are chosen, or None if the rooms do not do."""
        self._graph.data[self._rooms] = rooms
        value, flow = graphs.flow(self._graph)
        if value < self._needed:
            return None
        return np.asarray(flow[self._edges]).ravel() > 0
