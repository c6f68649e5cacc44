"""Files on the cells of a square, workers on the symbols of Latin squares."""

import numpy as np

from aspis_mpi.assignment.existence import advice, is_prime
from aspis_mpi.assignment.searched import Searched


class LatinSquares(Searched):
    """Mutually orthogonal Latin squares, as many as replicas (ByzShield).

    Parameters
    ----------
    n_workers : int
        K = r l, l a prime above r.
    replication : int
        r.  There are l^2 files, each worker computes l of them; two workers
        share one file, or none if they belong to one square.

    Raises
    ------
    ValueError
        K is no such product; the nearest number of workers that is one is
        named.

    Notes
    -----
    Square k = 1 ... r has the symbol L_k[i, j] = (k i + j) mod l in cell
    (i, j), which is file i l + j.  Worker (k - 1) l + s holds the cells of
    symbol s in square k.  Squares whose side is a power of a prime, not a
    prime, exist as well; they need the arithmetic of other fields, and
    are not made here.

    References
    ----------
    Konstantinidis, Ramamoorthy, "ByzShield: an efficient and robust system
    for distributed training", MLSys 2021, arXiv 2010.04902, section 4.

    >>> LatinSquares(15, replication=3).holders[:3].tolist()
    [[0, 5, 10], [1, 6, 11], [2, 7, 12]]
    """

    name = 'mols'
    replicated_by = 'replication'
    default_order = 'search'
    exists = 'K = replication times a prime above the replication'

    def __init__(self, n_workers, *, replication: int = 3):
        if not 1 <= replication < n_workers:
            raise ValueError(f'replication {replication} must be between 1 '
                             'and the number of workers less one, '
                             f'{n_workers - 1}; set assignment.replication')
        side, rest = divmod(n_workers, replication)
        if rest or side <= replication or not is_prime(side):
            near = advice(n_workers, lambda k: _exists(k, replication))
            power = ('' if rest or not _is_power(side) else
                     f', and squares of side {side}, a power of a prime, are '
                     'not made here')
            raise ValueError(
                f'{n_workers} workers are not replication {replication} '
                f'times a prime above {replication}{power}: {near}; set '
                'assignment.replication')
        cell = np.arange(side)
        square = np.arange(1, replication + 1)[:, None, None]
        symbols = (square * cell[:, None] + cell) % side
        workers = (square - 1) * side + symbols
        incidence = np.zeros((side * side, n_workers), dtype=bool)
        np.put_along_axis(incidence, workers.reshape(replication, -1).T, True,
                          axis=1)
        super().__init__(incidence)


def _exists(k, r):
    return k % r == 0 and k // r > r and is_prime(k // r)


def _is_power(n):
    """True for 4, 8, 9, 16, 25 and so on."""
    least = next((d for d in range(2, n) if n % d == 0), None)
    while least and n > 1 and n % least == 0:
        n //= least
    return n == 1 and least is not None
