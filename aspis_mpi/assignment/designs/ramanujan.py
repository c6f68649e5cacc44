"""Ramanujan bigraphs of cyclic shifts."""

import numpy as np

from aspis_mpi.assignment.existence import advice, is_prime
from aspis_mpi.assignment.searched import Searched


class Ramanujan(Searched):
    """Blocks of cyclic shifts, an expander (ByzShield).

    Parameters
    ----------
    n_workers : int
        K = r s with a prime s above r (case 1), or K = r^2, r a prime (case
        2).
    replication : int
        r, at least 2.
    load : int
        l, files of a worker: s in case 1, at least r in case 2, where there
        are r l files; 0 for s or r.

    Raises
    ------
    ValueError
        K is no such number; the nearest that is one is named.

    Notes
    -----
    With P the cyclic shift of s symbols, B has P^(i j) as its block in block
    row i = 0 ... s - 1 and block column j = 0 ... m - 1.  In case 1, m = r
    is less than s: columns are workers, rows the s^2 files, of which two
    workers share one at most.  In case 2, s = r and m = l is s or more:
    rows are workers, columns files; from l > r on some files have the
    same holders as others.

    The singular values of B are sqrt(m s) once, sqrt(s) or, in case 2, with
    k = m mod s, sqrt(m + s - k) and sqrt(m - k), and 0: the second is no
    larger than sqrt(r - 1) + sqrt(l - 1), as the name says.

    References
    ----------
    Konstantinidis, Ramamoorthy, "ByzShield", arXiv 2010.04902, section 4;
    Burnwal, Sinha, Vidyasagar, "New and explicit constructions of unbalanced
    Ramanujan bipartite graphs", arXiv 1910.03937.

    >>> Ramanujan(25, replication=5).n_files
    25
    >>> Ramanujan(15, replication=3).n_files
    25
    """

    name = 'ramanujan'
    replicated_by = 'replication'
    default_order = 'search'
    exists = ('K = replication times a prime above the replication, and K = '
              'the square of a prime replication')

    def __init__(self, n_workers, *, replication: int = 3, load: int = 0):
        if not 2 <= replication < n_workers:
            raise ValueError(f'replication {replication} must be between 2 '
                             'and the number of workers less one, '
                             f'{n_workers - 1}; set assignment.replication')
        if not _exists(n_workers, replication):
            near = advice(n_workers, lambda k: _exists(k, replication))
            raise ValueError(
                f'{n_workers} workers are neither replication {replication} '
                f'times a prime above {replication} nor the square of a '
                f'prime replication: {near}; set assignment.replication')
        side = n_workers // replication
        if side > replication:
            if load not in (0, side):
                raise ValueError(f'load {load} must be {side}, the workers '
                                 f'by the replication {replication}')
            super().__init__(_shifts(side, replication))
            return
        if load and load < replication:
            raise ValueError(f'load {load} must be at least the replication, '
                             f'{replication}')
        super().__init__(_shifts(side, load or side).T)


def _exists(k, r):
    """True in case 1 and in case 2."""
    return k % r == 0 and k // r >= r and is_prime(k // r)


def _shifts(side, columns):
    """B, bool (side^2, columns side).

    P^e has its ones in row a, column (a + e) mod s.
    """
    i, a, j = np.ogrid[:side, :side, :columns]
    column = j * side + (a + i * j) % side
    matrix = np.zeros((side * side, columns * side), dtype=bool)
    np.put_along_axis(matrix, column.reshape(side * side, columns), True,
                      axis=1)
    return matrix
