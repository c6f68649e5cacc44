"""Partial stragglers: every finished file counts."""

from typing import Literal

import numpy as np

from aspis_mpi.coding import matrices
from aspis_mpi.coding.code import Code, Decoding


class LeastSquares(Code):
    """Each file by least squares over those who finished it.

    File i with finishers P_i: C_i = pinv(R[:, P_i]), of which worker j uses
    row j; the server multiplies by R and solves nothing.  R_P C_i = I where
    |P_i| >= copies; below, |R_P C_i - I|^2 = copies - |P_i|, the least
    possible.  With one copy all entries of R are 1 and the coefficients are
    1/|P_i|.

    Parameters
    ----------
    assignment, copies
        See `Code`.
    matrix : str
        How R is made for two and more copies: 'structured' (well
        conditioned, see `coding.matrices`) or 'gaussian' (as published).
    seed : int
        Of the Gaussian matrix, at least 0.

    References
    ----------
    Ramamoorthy, Meng, Girimaji, "Leveraging partial stragglers within
    gradient coding", NeurIPS 2024, arXiv 2405.19509, section 4.
    """

    name = 'least-squares'

    def __init__(self, assignment, copies, *,
                 matrix: Literal['structured', 'gaussian'] = 'structured',
                 seed: int = 0):
        super().__init__(assignment, copies)
        self.stragglers = assignment.least_copies - copies
        self.shares_evenly = copies == 1 and matrix != 'gaussian'
        #: R, float64 (copies, K)
        self.matrix = _matrix(assignment, copies, matrix, seed)
        if copies > 1 and matrix == 'gaussian':
            self.uncheckable = ("matrix = 'gaussian': its large coefficients "
                                'would hide errors from a challenge; use '
                                "'structured'")

    def decodable(self, full):
        """True if every file is held by `copies` of the full workers."""
        held = (self.assignment.incidence & full).sum(axis=1)
        return bool((held >= self.copies).all())

    def encoding(self, worker, state):
        """Row `worker` of C_i for each finished file i of the worker."""
        own = self._own[worker]
        files = own[state[own, worker]]
        holders = self.assignment.holders[files]
        finished = state[files[:, None], holders] & (holders >= 0)
        if self.copies == 1:
            return files, 1 / finished.sum(axis=1)[:, None]
        # C_i from R with the columns of the others set to zero.
        columns = self.matrix[:, holders] * finished
        inverses = np.linalg.pinv(columns.transpose(1, 0, 2))
        return files, inverses[holders == worker]

    def decoding(self, state):
        """R, but 0 for workers that finished nothing."""
        finishers = state.sum(axis=1)
        lacking = np.maximum(self.copies - finishers, 0)
        return Decoding(self.matrix * state.any(axis=0),
                        1 - lacking / self.copies,
                        float(np.sqrt(lacking.sum())))

    def changed(self, before, after):
        """Those one of whose files has other coefficients.

        With one copy the number of finishers decides, with more their set.
        """
        moved = before != after
        differs = moved.any(axis=1)
        if self.copies == 1:
            differs = before.sum(axis=1) != after.sum(axis=1)
        touched = moved | (after & differs[:, None])
        return after.any(axis=0) & touched.any(axis=0)


def _matrix(assignment, copies, matrix, seed):
    if seed < 0:
        raise ValueError(f'seed {seed} must be at least 0')
    if matrix not in ('structured', 'gaussian'):
        raise ValueError(f"matrix '{matrix}' must be 'structured' or "
                         "'gaussian'")
    if copies == 1:
        return np.ones((1, assignment.n_workers))
    if matrix == 'gaussian':
        return matrices.gaussian(assignment.n_workers, copies, seed)
    return matrices.structured(assignment, copies)
