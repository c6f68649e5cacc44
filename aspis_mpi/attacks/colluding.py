"""Lies made of the true gradients of several files."""

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.arrays import Floats, Vector
from aspis_mpi.attacks.value import Colluders, Value

#: Coordinates at a time: 32 rows of them in float64 are 4 MB.
BLOCK = 1 << 14


class Colluding(Value):
    """One mean gradient a step, the same for all files and all liars.

    Each liar computes it by itself from the step's first files, so that the
    colluders need no channel between them.  It is kept for one step, since
    a liar needs it once for each of its files.

    Parameters
    ----------
    seed
        See `Value`.
    sample : int
        Number of files, at least 1.
    """

    def __init__(self, seed: int | None, *, sample: int = 32):
        super().__init__(seed)
        if sample < 1:
            raise ValueError(f'sample {sample} must be at least 1')
        self.sample = sample
        self._step: int | None = None
        self._agreed: Vector

    def lie(self, honest: Vector, n_samples: int, step: int, file: int,
            colluders: Colluders, out: Vector) -> None:
        """The agreed mean gradient, times the number of samples."""
        if step != self._step:
            self._agreed = self._from(colluders())
            self._step = step
        np.multiply(self._agreed, np.float32(n_samples), out=out)

    def _from(self, rows: Vector) -> Vector:
        agreed = np.empty(rows.shape[1], dtype=np.float32)
        for s in arrays.blocks(rows.shape[1], BLOCK):
            part = np.array(rows[:, s], dtype=np.float64, order='C')
            agreed[s] = self.agreed(part)
        return agreed

    def agreed(self, rows: Floats) -> Floats:
        """The lie about the mean gradient.

        Parameters
        ----------
        rows : ndarray of float64, shape (m, n)
            True mean gradients of m files, n of their coordinates.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        raise NotImplementedError
