"""Gradients in float32."""

from functools import lru_cache

from aspis_mpi.compression.base import Compression
from aspis_mpi.compression.mask import chosen, count
from aspis_mpi.compression.plain import PLAIN, Masked


class Nothing(Compression):
    """Gradients as they are, in float32; a share of them with `keep`.

    Parameters
    ----------
    d, seed, keep
        See `Compression`.
    """

    name = 'none'

    def __init__(self, d, seed, keep=1.0):
        super().__init__(d, seed, keep)
        self.size = self.file_numbers = count(d, keep)
        self.verbatim = keep == 1
        self._masked = lru_cache(2)(self._mask)

    def at(self, step, grid):
        """The one of all steps, or one with the mask of this step."""
        return PLAIN if self.verbatim else self._masked(step)

    def _mask(self, step):
        return Masked(chosen(self.d, self.keep, self.seed, step))
