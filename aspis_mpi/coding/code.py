"""The base of codes: weights for the workers and for the server."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.arrays import Bools, Floats, Ints
from aspis_mpi.assignment.base import Assignment


@dataclass(frozen=True, eq=False)
class Decoding:
    """The server's weights for the payloads of one state.

    Attributes
    ----------
    weights : ndarray of float64, shape (copies, K)
        part_k(sum) = sum_j weights[k, j] y_j; 0 for workers that are not
        needed.
    cover : ndarray of float64, shape (f,)
        The share of each file that is in the decoded sum; 1 if it is exact.
        The divisor of a step is sum_i cover[i] * samples[i].
    residual : float
        Euclidean norm of what separates the coefficients of all parts of
        all files from 1; sqrt(sum_i max(0, copies - k_i)) for least
        squares, where file i has k_i finishers.
    """

    weights: Floats
    cover: Floats
    residual: float


class Code:
    """A gradient code on an assignment.

    Every gradient g_i is cut into `copies` parts of ceil(d/copies) entries,
    the last one padded by zeros.  Worker j sends
    y_j = sum_i sum_k W_j[i, k] part_k(g_i), the server adds
    part_k(sum) = sum_j D[k, j] y_j.  A *state* says who finished which
    file: bool, shape (f, K).

    Parameters
    ----------
    assignment : Assignment
    copies : int
        Parts of a gradient, the l of the literature; at least 1, at most
        the smallest number of holders of a file.

    Attributes
    ----------
    stragglers : int
        Any so many workers may be missing altogether, and the sum is exact.
    needs_whole_workers : bool
        Whether only workers that finished all of their files may send.
    shares_evenly : bool
        Whether each of n finishers of a file has the coefficient 1/n, and the
        server takes every payload once.
    uncheckable : str
        Why a challenge could not check the payloads: the option that makes
        it so, and a way out.  Empty if it can.

    Raises
    ------
    ValueError
        `copies` out of bounds, or an assignment of the wrong form.
    """

    needs_whole_workers = False
    shares_evenly = False
    uncheckable = ''

    def __init__(self, assignment: Assignment, copies: int):
        least = assignment.least_copies
        if not 1 <= copies <= least:
            raise ValueError(f'copies {copies} must be between 1 and the '
                             f'number of workers of each file, {least}; '
                             f'{assignment.way_out}')
        self.assignment = assignment
        self.copies = copies
        self.stragglers = 0
        self._own = [np.sort(assignment.files(worker))
                     for worker in range(assignment.n_workers)]

    def decodable(self, full: Bools) -> bool:
        """True where the workers that finished everything give the exact sum.

        Parameters
        ----------
        full : ndarray of bool, shape (K,)

        Returns
        -------
        bool
        """
        raise NotImplementedError

    def encoding(self, worker: int, state: Bools) -> tuple[Ints, Floats]:
        """The weights of a worker's files in what it sends.

        Looks only at the rows of `state` that are files of the worker, in
        O(load * replication * copies^2).

        Parameters
        ----------
        worker : int
        state : ndarray of bool, shape (f, K)

        Returns
        -------
        files : ndarray of int, shape (n,)
            Ascending: those that `state` says the worker has finished.
        weights : ndarray of float64, shape (n, copies)
        """
        raise NotImplementedError

    def decoding(self, state: Bools) -> Decoding:
        """The server's weights for what all workers in `state` send.

        Returns
        -------
        Decoding
        """
        raise NotImplementedError

    def changed(self, before: Bools, after: Bools) -> Bools:
        """Workers that would send something else after a change of state.

        Returns
        -------
        ndarray of bool, shape (K,)
            Set only for workers with a file in `after`.
        """
        raise NotImplementedError


def check_whole(copies: int, name: str) -> None:
    """Raise a ValueError if a code cannot cut gradients into parts."""
    if copies != 1:
        raise ValueError(f"copies {copies} must be 1 with code '{name}'")
