"""Orders in which workers compute their files: the worst case, matchings.

A worker has finished the first files of its order, however many.  A good
order makes sure that every file is finished by enough workers after as few
computations as possible, whoever is slow.  Here delta_j is the load of
worker j, gamma_i the replication of file i, O[i, j] the position, from 1,
of file i in the order of worker j.
"""

from fractions import Fraction
from math import floor

import numpy as np

from aspis_mpi.assignment import graphs
from aspis_mpi.assignment.pacing import by_speed

#: Stands for no worker in tables of losses: more than any sum of losses.
NEVER = 1 << 40


# --- the worst case ----------------------------------------------------

def losses(assignment):
    """Computations lost when a worker stops just before a file.

    Returns
    -------
    ndarray of int64, shape (n_files, replication)
        delta_j - O[i, j] + 1 in the layout of `Assignment.holders`, padded
        with `NEVER`.
    """
    order = assignment.order
    workers, positions = np.nonzero(order >= 0)
    by_file = np.lexsort((workers, order[workers, positions]))
    table = np.full(assignment.holders.shape, NEVER)
    table[assignment.holders >= 0] = (
        assignment.loads[workers] - positions)[by_file]
    return table


def least_losses(table, stopped):
    """The sum of the `stopped` smallest entries of each row.

    Parameters
    ----------
    table : ndarray of int64, shape (n, replication)
    stopped : ndarray of int, shape (n,)
        At least 1.
    """
    sums = np.sort(table, axis=1).cumsum(axis=1)
    return np.take_along_axis(sums, stopped[:, None] - 1, axis=1)[:, 0]


def q_max(assignment, copies=1):
    """Computations after which every file has `copies` copies for certain.

    Parameters
    ----------
    assignment : Assignment
    copies : int
        l, at most the replication of every file.

    Returns
    -------
    int
        Q_max: one less can be finished, over all workers, while some file
        has fewer copies.

    Notes
    -----
    File i lacks a copy while gamma_i - l + 1 of its workers have not come
    to it.  Worker j then has at least delta_j - O[i, j] + 1 files to go,
    and the worst case is the workers where these are fewest:

        Q_max = 1 + max_i [sum_j delta_j - sum of the gamma_i - l + 1
                           smallest delta_j - O[i, j] + 1].

    With equal loads these are the largest positions O[i, j].  The cost is
    that of sorting the pairs of worker and file.

    References
    ----------
    Ramamoorthy, Meng, Girimaji, arXiv 2405.19509, section 3.
    """
    assignment.check_copies(copies)
    stopped = assignment.incidence.sum(axis=1) - copies + 1
    least = least_losses(losses(assignment), stopped).min()
    return 1 + int(assignment.loads.sum() - least)


def q_max_bound(assignment, copies=1):
    """A lower bound of `q_max` for all orders of the same assignment.

    Notes
    -----
    Let B_i be the sum of the s_i = gamma_i - l + 1 smallest losses of file
    i and T_i that of all gamma_i.  The smallest are no more than average,
    B_i <= T_i s_i / gamma_i, so

        min_i B_i * sum_i gamma_i / s_i <= sum_i B_i gamma_i / s_i
            <= sum_i T_i = sum_j delta_j (delta_j + 1) / 2,

    since each worker loses 1, 2, ..., delta_j in any order.  No loss of
    worker j exceeds delta_j, which bounds each B_i by itself.  For f = K,
    equal loads delta and l = 1 this is 1 + (K - delta) delta
    + delta (delta - 1) / 2, which a matching at each position meets; for
    l > 1 the bound may be out of reach.

    References
    ----------
    Ramamoorthy, Meng, Girimaji, arXiv 2405.19509, section 3 (l = 1).

    >>> from aspis_mpi.assignment.designs.cyclic import Cyclic
    >>> q_max_bound(Cyclic(200, load=8)), q_max(Cyclic(200, load=8))
    (1565, 1565)
    """
    assignment.check_copies(copies)
    replication = assignment.incidence.sum(axis=1)
    stopped = replication - copies + 1
    total = sum(int(load) * (int(load) + 1) // 2
                for load in assignment.loads)
    weight = sum(Fraction(int(gamma), int(s)) * int(count)
                 for (gamma, s), count in _counted(replication, stopped))
    most = np.where(assignment.holders >= 0,
                    assignment.loads[assignment.holders], NEVER)
    least = min(floor(total / weight), least_losses(most, stopped).min())
    return 1 + int(assignment.loads.sum() - least)


def _counted(*columns):
    """The different rows, and how often each stands there."""
    rows, counts = np.unique(np.stack(columns, axis=1), axis=0,
                             return_counts=True)
    return zip(rows, counts)


# --- matchings ---------------------------------------------------------

def matching(assignment, copies=1):
    """An order that gives all files copies at the same pace.

    With as many files as workers and equal degrees each position is a
    perfect matching (`peel`), which has the least `q_max` there is for one
    copy.  Otherwise the first positions give every file `copies` copies as
    early as possible, the next ones one copy more, and so on (`by_speed`).

    Returns
    -------
    ndarray of int32, shape (n_workers, load)
        Padded with -1.
    """
    assignment.check_copies(copies)
    incidence = assignment.incidence
    degrees = np.concatenate((assignment.loads, incidence.sum(axis=1)))
    if incidence.shape[0] == incidence.shape[1] and np.ptp(degrees) == 0:
        return peel(incidence)
    return by_speed(assignment, np.ones(assignment.n_workers), copies)


def peel(incidence):
    """Position by position a perfect matching of workers and files.

    Parameters
    ----------
    incidence : ndarray of bool, shape (m, m)
        With the same number of entries, delta, in each row and column:
        what is left after a perfect matching has one more, by Hall.

    Returns
    -------
    ndarray of int32, shape (m, delta)
        Files of each worker.

    Raises
    ------
    ValueError
        The degrees differ.

    Notes
    -----
    delta times the algorithm of Hopcroft and Karp, each O(m delta sqrt(m))
    at worst and near m delta in practice.
    """
    from scipy.sparse import csr_array
    load = int(incidence[:, 0].sum())
    if (incidence.shape[0] != incidence.shape[1]
            or (incidence.sum(axis=0) != load).any()
            or (incidence.sum(axis=1) != load).any()):
        raise ValueError(f'incidence of shape {incidence.shape} must be '
                         'square with equal numbers in rows and columns')
    order = np.empty((incidence.shape[1], load), dtype=np.int32)
    workers, files = np.nonzero(incidence.T)
    for position in range(load):
        graph = csr_array((np.ones(files.size, dtype=np.int8),
                           (workers, files)), shape=incidence.shape)
        order[:, position] = graphs.matching(graph)
        left = files != order[workers, position]
        workers, files = workers[left], files[left]
    return order
