"""The grid on which gradients are integers: one exponent for each block.

It follows what was accepted, integers alone, so that no liar that is found
out or that a robust rule bears moves it, and every run with the same files has
the same one.  Sums of gradients would not do: of f independent files the sum
is the root of f larger than each, or nothing; a block that is zero once would
stay zero for ever; and by root mean squares alone a block in which one entry
of a hundred is not zero would lose half of its sum to clipping.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from aspis_mpi.arrays import Array, Ints, Vector
from aspis_mpi.compression.mask import BLOCK, ends
from aspis_mpi.compression.quantizer import largest

#: Clipped entries a file, of a block of 4,096, above which a grid is too fine:
#: a share of 10^-4, and of 10^-2.
TOO_FINE, FAR_TOO_FINE = 0.4, 40.0
#: Steps without a clipped entry before a grid becomes finer.
QUIET = 8
#: By how much a block's exponent may be below the median of all.
BELOW = 12
#: Exponents within which float32 holds all sums and means exactly or normal.
LEAST, MOST = -100, 100
#: Where nothing is known: coarser grids are found by two at a time.
UNKNOWN = -30


@dataclass(frozen=True, eq=False)
class Grid:
    """The exponents of all blocks, and how long nothing was clipped there.

    Attributes
    ----------
    exponents : ndarray of int8, shape (B,)
    quiet : ndarray of int8, shape (B,)
        Steps with this exponent, at most `QUIET`.
    """

    exponents: Ints
    quiet: Ints

    def pack(self) -> bytes:
        """The exponents as they travel, a byte each."""
        return self.exponents.tobytes()

    def state(self) -> Array:
        """Both as a checkpoint keeps them, int8 (2, B)."""
        return np.stack([self.exponents, self.quiet])

    @classmethod
    def restored(cls, state: Array) -> Self:
        """The grid of a checkpoint."""
        return cls(state[0].astype(np.int8), state[1].astype(np.int8))

    def after(self, sizes: Ints, clipped: Ints, counts: Ints, files: int,
              bits: int) -> 'Grid':
        """The grid of the next step.

        Parameters
        ----------
        sizes, clipped : ndarray of int, shape (B,)
            Sums over the accepted files of what stands behind their entries:
            root mean squares and numbers of clipped entries.
        counts : ndarray of int, shape (B,)
            Entries of each block.
        files : int
            That were accepted; 0 leaves everything as it is.
        bits : int
        """
        if not files:
            return self
        share = clipped * (BLOCK / np.maximum(counts, 1)) / files
        quiet = np.where(clipped > 0, 0, np.minimum(self.quiet + 1, QUIET))
        finer = (quiet == QUIET) & (sizes < small(bits) * files)
        moved = np.select(
            [sizes == 0, share > FAR_TOO_FINE, share > TOO_FINE, finer],
            [0, 2, 1, -1], 0)
        exponents = bounded(self.exponents + moved.astype(int))
        quiet[exponents != self.exponents] = 0
        # A block without anything tells nothing.
        quiet = np.where(sizes == 0, self.quiet, quiet)
        return Grid(exponents, quiet.astype(np.int8))


def small(bits: int) -> int:
    """The root mean square below which a grid is coarser than it need be.

    >>> small(8), small(4)
    (8, 2)
    """
    return max(1 << max(bits - 5, 0), 2)


def bounded(exponents: Ints) -> Ints:
    """Exponents within what is allowed, int8 (B,)."""
    least = max(int(np.median(exponents)) - BELOW, LEAST)
    return np.clip(exponents, least, MOST).astype(np.int8)


class FirstGrid:
    """The grid before the first step, made of some gradients.

    The finest on which none of them is clipped.

    Parameters
    ----------
    d : int
    bits : int
    """

    def __init__(self, d: int, bits: int):
        self._starts = ends(d)[:-1]
        self._bits = bits
        self._largest = np.zeros(len(self._starts))

    def see(self, gradient: Vector) -> None:
        """Take one more gradient, float32 (d,), into account."""
        found = np.maximum.reduceat(np.abs(gradient), self._starts)
        np.fmax(self._largest, np.where(np.isfinite(found), found, 0),
                out=self._largest)

    def made(self) -> Grid:
        """The grid of all that was seen."""
        seen = self._largest > 0
        # floor(g 2^-e + u) is within M where |g| <= M 2^e.
        fraction, exponents = np.frexp(
            self._largest[seen] / largest(self._bits))
        needed = np.where(fraction == 0.5, exponents - 1, exponents)
        usual = int(np.median(needed)) if needed.size else UNKNOWN
        every = np.full(len(self._starts), usual)
        every[seen] = needed
        return Grid(bounded(every), np.zeros(len(every), dtype=np.int8))
