"""Gradients as integers of a few bits."""

from copy import copy
from functools import lru_cache

import numpy as np

from aspis_mpi.coding.exact import Exact
from aspis_mpi.compression import quantizer
from aspis_mpi.compression.base import Compression
from aspis_mpi.compression.grid import FirstGrid
from aspis_mpi.compression.integers import IntegerCodec
from aspis_mpi.compression.mask import chosen, count, ends, everything
from aspis_mpi.words import counted

#: The largest number of the widest type of a sum.
WIDEST = np.iinfo(np.int32).max


class Integer(Compression):
    """Integers of a few bits, on a grid that the server sends.

    Files are compared without a tolerance, sums are the same in any order,
    and sketches are exact.

    Parameters
    ----------
    d, seed, keep
        See `Compression`.
    bits : int
        Of an entry, 4 to 8; each travels as a byte.
    """

    name = 'integer'
    exact = True

    def __init__(self, d, seed, keep=1.0, *, bits: int = 8):
        super().__init__(d, seed, keep)
        if not 4 <= bits <= 8:
            raise ValueError(f'bits {bits} must be between 4 and 8')
        self.bits = bits
        self.grid_bytes = len(ends(d)) - 1
        self.size = quantizer.length(count(d, keep), self.grid_bytes)
        self.file_numbers = self.size // 4
        self._fit(1)

    def _fit(self, multiple):
        self.multiple = multiple
        self.scrutiny = Exact(multiple, self._is_missing)
        self._codec = lru_cache(2)(self._make)

    def _is_missing(self, values):
        return quantizer.is_missing(values, self.bits)

    def fitted(self, transfer, load):
        """With the multiple that a transfer needs.

        Raises
        ------
        ValueError
            Its coefficients are no fractions, or sums may not fit int32.
        """
        multiple = transfer.multiple
        if not multiple:
            raise ValueError(
                "name = 'integer': needs coefficients that are fractions of "
                "whole numbers; use transfer.name = 'replicas' or 'sums', or "
                "'coded' with code = 'least-squares', matrix = 'structured' "
                'and collection.copies = 1, and no spot checks')
        most = multiple * quantizer.MOST * load
        if most > WIDEST:
            raise ValueError(
                f"name = 'integer': {counted(load, 'file')} a worker, times "
                f'{multiple} to make their coefficients whole, add up to '
                f'{most:,}, above the {WIDEST:,} of int32, the widest type; '
                "use transfer.name = 'sums', or fewer copies or files a "
                'worker')
        other = copy(self)
        other._fit(multiple)
        return other

    def at(self, step, grid):
        """On the grid that came with the step."""
        return self._codec(step, grid)

    def _make(self, step, grid):
        kept = (everything(self.d) if self.keep == 1 else
                chosen(self.d, self.keep, self.seed, step))
        return IntegerCodec(self.seed, step, kept, grid, self.bits,
                            self.multiple)

    def numbers(self, transfer, weight):
        """By the narrowest type that holds any such sum."""
        width = quantizer.sum_type(weight, self.multiple).itemsize
        return transfer.payload_size(self.size) * width // 4

    def whole(self, transfer, load):
        """The same: no combination is of parts."""
        return self.numbers(transfer, load)

    def narrow(self, transfer, load):
        """Those of int16, where some workers may need int32."""
        least = self.numbers(transfer, 1)
        return least if least < self.numbers(transfer, load) else 0

    def first(self, gradients):
        """The finest grid on which no entry of them is clipped."""
        grid = FirstGrid(self.d, self.bits)
        for gradient in gradients:
            grid.see(gradient)
        return grid.made()

    def follow(self, grid, accepted):
        """See `Grid.after`."""
        return grid.after(accepted.sizes, accepted.clipped, accepted.counts,
                          accepted.files, self.bits)

    def scale(self, grid):
        """The step of the median block, of two the finer one."""
        if grid is None:
            return np.nan
        return 2.0 ** int(np.sort(grid.exponents)[(self.grid_bytes - 1) // 2])
