"""Vectors that are not the combination they should be."""

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import quick_norm
from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.checks import check_finite


class Payloads(Protocol):
    """A random error in each vector; sketches are honest.

    Parameters
    ----------
    seed : int
    size : float
        Norm of the error, relative to that of the vector.
    """

    name = 'payloads'
    payloads = True

    def __init__(self, seed, *, size: float = 1.0):
        super().__init__(seed)
        check_finite('size', size)
        self._size = size

    def payload(self, step, epoch, worker, values):
        """Add the error."""
        values += self._error(step, epoch, worker, values)

    def _error(self, step, epoch, worker, values):
        rng = streams.generator(self._seed, 'payloads', step, epoch, worker)
        error = rng.standard_normal(values.size, dtype=np.float32)
        norm = max(quick_norm(error), np.finfo(np.float32).tiny)
        error *= self._size * quick_norm(values) / norm
        return error
