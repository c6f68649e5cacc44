"""Accusations of honest workers."""

import numpy as np

from aspis_mpi import arrays, streams
from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.checks import check_finite


class Frame(Protocol):
    """A wrong sketch, or sum, of files of another worker that are checked.

    But of files that other adversaries lie on, for which it stands up.  All
    that frame a worker say the same of a file.

    Parameters
    ----------
    seed : int
    size : float
        Of the error, relative to the norm of the file.
    """

    name = 'frame'
    challenged = True
    frames = True

    def __init__(self, seed, *, size: float = 1.0):
        super().__init__(seed)
        check_finite('size', size)
        self._size = size

    def check(self, step, file, row):
        """Add the error; the norm stays."""
        rng = streams.generator(self._seed, 'frame', step, file)
        row[:-1] += self._size * row[-1:] * rng.standard_normal(
            row[:-1].shape)

    def accuse(self, step, file, values):
        """Add the error."""
        rng = streams.generator(self._seed, 'frame', step, file)
        error = rng.standard_normal(values.size, dtype=np.float32)
        values += np.float32(self._size * arrays.norm(values) / max(
            arrays.norm(error), 1.0)) * error
