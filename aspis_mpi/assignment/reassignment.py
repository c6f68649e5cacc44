"""Other workers for the files of those that are excluded."""

import numpy as np

from aspis_mpi.assignment.base import Assignment


def most_load(assignment, q, load=None):
    """The most files of a worker after up to q workers were excluded.

    Parameters
    ----------
    assignment : Assignment
    q : int
        At least 0, less than the number of workers.
    load : int, optional
        Files of every worker before, at most, where files may be laid out
        otherwise than in the assignment.

    Returns
    -------
    int
        With so much room `reassigned` leaves a place empty only where every
        remaining worker holds the file already.

    Notes
    -----
    A place of a file with r holders has at least m = K - q - r + 1 workers
    to choose from, as the place itself is vacant.  If each of them has x
    files or more, all of which but their own, at most l, were given to them
    before, m (x - l) is less than the number of places G of the q workers
    with the most files.  So one of them has fewer than l + ceil(G / m),
    whichever were chosen before; and nobody gets past the number of files.

    >>> from aspis_mpi.assignment.designs.cyclic import Cyclic
    >>> most_load(Cyclic(15, load=5), 2)
    7
    """
    n_workers = assignment.n_workers
    if not 0 <= q < n_workers:
        raise ValueError(f'{q} excluded workers must be at least 0 and fewer '
                         f'than all {n_workers}')
    loads = (np.sort(assignment.loads)[::-1] if load is None
             else np.full(n_workers, load))
    choice = max(1, n_workers - q - assignment.replication + 1)
    given = -(-int(loads[:q].sum()) // choice)
    return min(assignment.n_files, int(loads[0]) + given)


def reassigned(assignment, excluded, most, work=None):
    """The same files on the workers that are not excluded.

    Each place of an excluded worker among the holders of a file goes to the
    remaining worker with the least work that does not hold the file yet and
    has room, the lowest-numbered of these.  Files with the fewest holders
    come first, of these the largest.

    Parameters
    ----------
    assignment : Assignment
        The original one, however many were excluded before.
    excluded : ndarray of bool, shape (K,)
    most : int
        No worker gets more files; at least the largest load.
    work : ndarray of int, shape (f,), optional
        Of each file, where they are not alike.

    Returns
    -------
    Assignment
        Of width `most`.  Excluded workers have no files; the others compute
        their own first, in the old order, then what they got.  A place that
        nobody can take stays empty: its file has fewer holders.

    Raises
    ------
    ValueError
        All workers are excluded, or a file keeps no holder for lack of
        room.  Files without a holder are the first to get one, and anyone
        with room can take them, so this cannot be while the remaining
        workers have room in all, `most` times their number, for their own
        files and those: never with up to q workers excluded and `most` of
        `most_load(assignment, q)`, nor with `most` of all files.

    Notes
    -----
    O(places (K + most)), deterministic: every rank finds the same.
    """
    excluded = np.asarray(excluded, dtype=bool)
    if excluded.shape != (assignment.n_workers,):
        raise ValueError(f'excluded of shape {excluded.shape} must be of '
                         f'shape {(assignment.n_workers,)}')
    if excluded.all():
        raise ValueError(f'all {excluded.size} workers are excluded')
    if most < assignment.loads.max():
        raise ValueError(f'most {most} must be at least the largest load, '
                         f'{assignment.loads.max()}')

    gained = _gained(assignment, excluded, most, np.ones(
        assignment.n_files) if work is None else work)
    incidence = assignment.incidence & ~excluded
    for worker, files in enumerate(gained):
        incidence[files, worker] = True
    if not incidence.any(axis=1).all():
        raise ValueError(
            f'file {np.argmin(incidence.any(axis=1))} has no worker left: '
            f'{np.count_nonzero(excluded)} of {excluded.size} workers are '
            f'excluded, and most {most} is too little room for the others')
    order = _order(assignment, excluded, gained, most)
    return Assignment(incidence, order, width=most)


def without(assignment, excluded):
    """The same design where some workers do nothing.

    Parameters
    ----------
    assignment : Assignment
    excluded : ndarray of bool, shape (K,)

    Returns
    -------
    Assignment
        Files that nobody else has keep their workers, who do not answer.
    """
    incidence = assignment.incidence & ~excluded
    lost = ~incidence.any(axis=1)
    incidence[lost] = assignment.incidence[lost]
    order = np.full_like(assignment.order, -1)
    for worker in range(assignment.n_workers):
        files = assignment.files(worker)
        files = files[incidence[files, worker]]
        order[worker, :files.size] = files
    return Assignment(incidence, order, assignment.width)


def dealt(files, workers, most, work=None):
    """Some files among some workers, who need none of them otherwise.

    Parameters
    ----------
    files : list of int
        Ascending.
    workers : list of int
        At least one.
    most : int
        No worker gets more; what is left then goes to nobody.
    work : ndarray of int, shape (f,), optional
        Of each file, where they are not alike.

    Returns
    -------
    dict of int to list of int
        Ascending files of each worker: the largest first, each to who has
        least to do.

    >>> dealt([2, 5, 6], [1, 4], 3)
    {1: [2, 6], 4: [5]}
    >>> dealt([0, 1, 2], [1, 4], 3, np.array([3, 9, 5]))
    {1: [1], 4: [0, 2]}
    """
    n_files, n_workers = max(files, default=0) + 1, len(workers)
    work = np.ones(n_files) if work is None else work
    given = _given(sorted(files, key=lambda it: -work[it]), work,
                   np.zeros((n_files, n_workers)), np.zeros(n_workers),
                   np.full(n_workers, most))
    return {worker: sorted(some) for worker, some in zip(workers, given)}


def _gained(assignment, excluded, most, work):
    """The files that each worker gets, lists of int."""
    held = assignment.incidence & ~excluded
    return _given(_vacant(assignment.incidence, held, work), work,
                  np.where(held | excluded, np.inf, 0.0), work @ held,
                  most - held.sum(axis=0))


def _given(files, work, barred, busy, room):
    """Each file to who has least to do, the first of these.

    Parameters
    ----------
    files : list of int
        In the order in which they are given, some perhaps several times.
    work : ndarray, shape (f,)
        Of each file.
    barred : ndarray of float64, shape (f, n)
        0, or infinite for who cannot have a file; nobody gets one twice.
    busy : ndarray, shape (n,)
        Work of each worker before.
    room : ndarray of int, shape (n,)
        Files that it can take.

    Returns
    -------
    list of list of int
        Files of each worker; one that nobody can take goes to nobody.
    """
    busy, room = np.where(room > 0, busy, np.inf), room.copy()
    given = [[] for _ in room]
    for file in files:
        cost = barred[file] + busy
        worker = int(cost.argmin())
        if cost[worker] < np.inf:
            barred[file, worker] = np.inf
            given[worker].append(file)
            room[worker] -= 1
            busy[worker] += work[file] if room[worker] else np.inf
    return given


def _vacant(incidence, held, work):
    """The file of each place to be filled, those with few holders first."""
    holders = held.sum(axis=1)
    places = incidence.sum(axis=1) - holders
    files = np.repeat(np.arange(len(places)), places)
    filled = np.arange(files.size) - np.repeat(places.cumsum() - places,
                                               places)
    first = np.lexsort((files, -work[files], holders[files] + filled))
    return files[first].tolist()


def _order(assignment, excluded, gained, most):
    """Old files in the old order, then new ones, spread over positions."""
    order = np.full((excluded.size, most), -1, dtype=np.int32)
    width = int(assignment.loads.max())
    order[:, :width] = np.where(excluded[:, None], -1,
                                assignment.order[:, :width])

    # A copy at position p comes most - p before the end: next is the file
    # of which all copies together come latest.
    workers, positions = np.nonzero(order >= 0)
    early = np.bincount(order[workers, positions], most - positions,
                        minlength=assignment.n_files).tolist()
    waiting = [sorted(files) for files in gained]
    position = assignment.loads.tolist()
    for _ in range(max(map(len, waiting))):
        for worker, files in enumerate(waiting):
            if not files:
                continue
            file = min(files, key=early.__getitem__)
            files.remove(file)
            order[worker, position[worker]] = file
            early[file] += most - position[worker]
            position[worker] += 1
    return order
