"""Completion times in closed form, for thousands of steps at a time.

Worker j needs T_j seconds for each file in step t, so it has finished the
file at position p of its order after p T_j.  A file has ell copies at the
ell-th smallest of these times over its holders, and a step has what it waits
for at the largest over the files: no event needs to be simulated (Ramamoorthy,
Meng, Girimaji, arXiv 2405.19509).  Messages take no time here.

Arrays called `paces` hold seconds a file: (n, K) for n steps and K workers,
or (n, K, l) where each of a worker's files takes a time of its own, by
position; infinite for a worker that is dead.  Every function costs
O(n f r) operations, times `copies` for what waits for copies, and some 20 MB
besides its arguments.
"""

import numpy as np
from scipy.sparse import csr_array

from aspis_mpi.arrays import blocks

#: Bytes of the largest array in use, the times of all files and holders.
SCRATCH = 1 << 22
#: A gradient of least squares below this share of the first one is zero, and
#: conjugate gradients need about a hundred rounds to get there.
CONVERGED, MOST_ROUNDS = 1e-9, 1000


def coverage_seconds(assignment, paces, copies=1):
    """Seconds until every file is finished by `copies` workers.

    The end of collecting in the protocol that uses every finished file.

    Parameters
    ----------
    assignment : Assignment
        Its order decides when a worker finishes which file.
    paces : ndarray of float64, shape (n, K) or (n, K, l)
    copies : int
        ell, between 1 and the least number of holders of a file.

    Returns
    -------
    ndarray of float64, shape (n,)
        Infinite where the living workers cannot cover a file.

    Raises
    ------
    ValueError
        Paces that do not fit the assignment or are no times, or `copies`
        out of bounds.

    References
    ----------
    Ramamoorthy, Meng, Girimaji, arXiv 2405.19509.

    >>> from aspis_mpi.assignment.base import Assignment
    >>> both = Assignment([[1, 1], [1, 1]], order=[[0, 1], [1, 0]])
    >>> coverage_seconds(both, np.array([[1.0, 1.0], [1.0, 9.0]]))
    array([1., 2.])
    """
    return _covered(assignment, paces, copies, full=False)


def full_workers_seconds(assignment, paces, copies=1):
    """Seconds until workers that finished all they have hold `copies` of each.

    The end of collecting in original gradient coding, which uses nothing of
    a worker that is still computing; the groups of fractional repetition
    decode at this time with 1 copy.  Parameters, result and exceptions are
    those of `coverage_seconds`.

    References
    ----------
    Tandon et al., "Gradient coding", ICML 2017; the original protocol of
    arXiv 2405.19509.
    """
    return _covered(assignment, paces, copies, full=True)


def full_count_seconds(assignment, paces, stragglers):
    """Seconds until all but `stragglers` workers have finished their files.

    The end of collecting of codes that decode from any K - s workers.

    Parameters
    ----------
    assignment, paces
        As in `coverage_seconds`.
    stragglers : int
        s, between 0 and K - 1.

    Returns
    -------
    ndarray of float64, shape (n,)

    References
    ----------
    Tandon et al., ICML 2017; Raviv et al., ICML 2018; Ye, Abbe, ICML 2018.
    """
    most = assignment.n_workers - 1
    if not 0 <= stragglers <= most:
        raise ValueError(
            f'stragglers {stragglers} must be between 0 and {most}')
    needed = assignment.n_workers - stragglers
    everyone = np.arange(assignment.n_workers)
    out = np.empty(len(paces))
    done = np.maximum(assignment.loads, 1)
    for s, times in _times(assignment, paces, everyone, done):
        # Nothing to do takes no time, also for a dead worker.
        times[assignment.loads == 0] = 0
        out[s] = np.partition(times, needed - 1, axis=0)[needed - 1]
    return out


def wait_for_all_seconds(assignment, paces):
    """Seconds until every worker has finished all its files, (n,).

    Infinite with a dead worker.  Arguments as in `coverage_seconds`.
    """
    return full_count_seconds(assignment, paces, 0)


def coefficient_error(assignment, paces, copies, seconds, full=False):
    """Error of the coefficients of an approximate gradient at a deadline.

    A file that k < ell workers finished leaves a squared error of ell - k in
    the coefficients, so the error is sqrt(sum_i max(0, ell - k_i)).

    Parameters
    ----------
    assignment, paces
        As in `coverage_seconds`.
    copies : int
        ell, at least 1.
    seconds : float or array_like of float, shape (n,)
        The deadline; what is finished at it counts.
    full : bool
        Whether only workers that finished everything count.

    Returns
    -------
    ndarray of float64, shape (n,)

    References
    ----------
    arXiv 2405.19509: the residuals of the files' least squares.
    """
    if copies < 1:
        raise ValueError(f'copies {copies} must be at least 1')
    deadlines = _deadlines(seconds, len(paces))
    out = np.empty(len(paces))
    for s, times in _holder_times(assignment, paces, full):
        finishers = (times <= deadlines[s]).sum(axis=0, dtype=np.int32)
        out[s] = np.sqrt(np.maximum(copies - finishers, 0).sum(axis=0))
    return out


def optimal_error(assignment, paces, seconds):
    """Error of approximate codes with optimal decoding at a deadline.

    Workers that finished everything send the plain sum of their files; the
    server weighs these so that the coefficients of the files come as near
    to 1 as they can: min_v |A_S v - 1|.

    Parameters
    ----------
    assignment, paces, seconds
        As in `coefficient_error`.

    Returns
    -------
    ndarray of float64, shape (n,)

    Notes
    -----
    O(f r) operations a round of conjugate gradients and step.

    References
    ----------
    Glasgow, Wootters, "Approximate gradient coding with optimal decoding",
    2020, arXiv 2006.09638; the original protocol of arXiv 2405.19509 where
    it is approximate.
    """
    everyone = np.arange(assignment.n_workers)
    done = np.maximum(assignment.loads, 1)
    deadlines = _deadlines(seconds, len(paces))
    matrix = csr_array(assignment.incidence, dtype=np.float64)
    out = np.empty(len(paces))
    # Conjugate gradients keep some eight arrays of this size.
    for s, times in _times(assignment, paces, everyone, done, SCRATCH // 8):
        out[s] = _distance_to_ones(matrix, times <= deadlines[s])
    return out


def _distance_to_ones(matrix, full):
    """min_v |A_S v - 1| for the columns S of each trial, `full` (K, n)."""
    transposed = matrix.T.tocsr()
    # CGLS (Hestenes, Stiefel 1952), all trials at once; v is not needed.
    residual = np.ones((matrix.shape[0], full.shape[1]))
    direction = gradient = (transposed @ residual) * full
    square = (gradient ** 2).sum(axis=0)
    goal = CONVERGED ** 2 * square
    for _ in range(MOST_ROUNDS):
        # A trial that has converged stays: rounding errors would carry it off.
        square[square <= goal] = 0
        if not square.any():
            break
        image = matrix @ direction
        residual -= _ratio(square, (image ** 2).sum(axis=0)) * image
        gradient = (transposed @ residual) * full
        before, square = square, (gradient ** 2).sum(axis=0)
        direction = gradient + _ratio(square, before) * direction
    return np.sqrt((residual ** 2).sum(axis=0))


def _deadlines(seconds, n):
    """Deadlines of n trials; an infinite one is before what never happens."""
    finite = np.minimum(seconds, np.finfo(np.float64).max)
    return np.broadcast_to(finite, n)


def _ratio(a, b):
    """a / b, 0 where b is 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _covered(assignment, paces, copies, full):
    """Largest over the files of the `copies`-th smallest time."""
    least = assignment.least_copies
    if not 1 <= copies <= least:
        raise ValueError(f'copies {copies} must be between 1 and {least}, '
                         'the least number of workers of a file')
    out = np.empty(len(paces))
    for s, times in _holder_times(assignment, paces, full):
        out[s] = _smallest(times, copies).max(axis=0)
    return out


def _smallest(times, rank):
    """The rank-th smallest along the first axis; `times` is overwritten."""
    best = times[:rank]
    best.sort(axis=0)
    larger = np.empty_like(times[0])
    # Insert one row after the other into those kept; the largest falls out.
    for row in times[rank:]:
        for kept in best[:-1]:
            np.maximum(kept, row, out=larger)
            np.minimum(kept, row, out=kept)
            row, larger = larger, row
        np.minimum(best[-1], row, out=best[-1])
    return best[-1]


def _holder_times(assignment, paces, full):
    """Times at which each holder counts for each file: slices, (r, f, n)."""
    holders = assignment.holders.T
    if full:
        done = np.maximum(assignment.loads, 1)[holders]
    else:
        files = np.arange(assignment.n_files)
        done = _positions(assignment)[holders, files] + 1
    return _times(assignment, paces, holders, done)


def _positions(assignment):
    """Position of each file in each worker's order, (K, f)."""
    order = assignment.order
    table = np.zeros(assignment.incidence.T.shape, dtype=np.int32)
    workers, positions = np.nonzero(order >= 0)
    table[workers, order[workers, positions]] = positions
    return table


def _times(assignment, paces, workers, done, scratch=None):
    """Times until workers have finished the first files of their orders.

    Parameters
    ----------
    assignment, paces
    workers : ndarray of int, any shape
        -1 for nobody, whose time is infinite.
    done : ndarray of int, of the same shape
        Number of files, at least 1.
    scratch : int, optional
        Bytes of the times that are yielded at once; default `SCRATCH`.

    Yields
    ------
    slice
        Some of the trials.
    ndarray of float64, shape (*workers.shape, n)
        Seconds in these trials.
    """
    _check(assignment, paces)
    width = (SCRATCH if scratch is None else scratch) // (8 * workers.size)
    for s in blocks(len(paces), max(1, width)):
        if paces.ndim == 2:
            times = _rows(paces[s], workers)
            times *= done[..., None]
        else:
            sums = np.cumsum(paces[s], axis=2)
            last = np.where(workers < 0, -1,
                            workers * paces.shape[2] + done - 1)
            times = _rows(sums.reshape(len(sums), -1), last)
        yield s, times


def _rows(table, columns):
    """Columns of an (n, m) table as rows of length n; -1 is infinite."""
    rows = np.full((table.shape[1] + 1, len(table)), np.inf)
    rows[:-1] = table.T
    return rows[columns]


def _check(assignment, paces):
    k, load = assignment.n_workers, assignment.load
    if paces.ndim not in (2, 3) or paces.shape[1:] not in ((k,), (k, load)):
        raise ValueError(f'paces of shape {paces.shape} must be (n, {k}) or '
                         f'(n, {k}, {load})')
    if not (paces >= 0).all():
        raise ValueError('paces must be at least 0 seconds a file')
