"""Plain sums, decoded as well as possible."""

import numpy as np

from aspis_mpi.coding.code import check_whole
from aspis_mpi.coding.fixed import FixedCode
from aspis_mpi.coding.structure import group_leads


class Approximate(FixedCode):
    """Approximate gradient code with optimal decoding.

    Each worker sends the plain sum of its files.  From the full workers the
    server takes the weights a that minimise |a B - 1|, the Euclidean error
    of the files' coefficients; `cover` is a B.  With the assignment
    `uncoded` that means to ignore stragglers.

    Parameters
    ----------
    assignment
        Any.
    copies : int
        Must be 1.
    stragglers : int
        Workers that the server does not wait for; from 0 to K - 1.

    Notes
    -----
    The attribute `stragglers` counts those that may be missing while the
    sum is still exact.  That is provable for workers in groups with the
    same files (the smallest group less one); for other assignments it is 0.

    References
    ----------
    Charles, Papailiopoulos, Ellenberg, "Approximate gradient coding via
    sparse random graphs", 2017, arXiv 1711.06771; Glasgow, Wootters,
    "Approximate gradient coding with optimal decoding", 2021, arXiv
    2006.09638.
    """

    name = 'approximate'

    def __init__(self, assignment, copies, *, stragglers: int):
        super().__init__(assignment, copies)
        check_whole(copies, self.name)
        if not 0 <= stragglers < assignment.n_workers:
            raise ValueError(f'stragglers {stragglers} must be between 0 and '
                             'the number of workers less one, '
                             f'{assignment.n_workers - 1}; set '
                             'transfer.stragglers')
        self._awaited = assignment.n_workers - stragglers
        if group_leads(assignment) is not None:
            self.stragglers = assignment.least_copies - 1
        self._fix([np.ones((own.size, 1)) for own in self._own])

    def decodable(self, full):
        """True if all but `stragglers` workers are full, exact or not."""
        return bool(full.sum() >= self._awaited)
