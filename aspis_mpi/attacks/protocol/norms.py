"""Sketches with norms that are too large or too small."""

from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.checks import check_finite


class Norms(Protocol):
    """Norms that are multiplied; sketches and vectors are honest.

    What a vector may be off by grows with the norms that its sender claims.

    Parameters
    ----------
    seed : int
    factor : float
        Above 1 inflated, below deflated; at least 0.
    """

    name = 'norms'
    challenged = True

    def __init__(self, seed, *, factor: float = 10.0):
        super().__init__(seed)
        check_finite('factor', factor, 0.0)
        self._factor = factor

    def sketches(self, step, epoch, worker, own, weights, sketch):
        """Multiply the norms."""
        own[:, -1] *= self._factor
