"""A public choice of coordinates, the same for all who know seed and step.

Coordinates that travel are drawn anew in each step and block by block, so
that each block of the vector keeps its own: `random-k` with one mask for all
workers, under which votes, sums and sketches are those of shorter vectors
(Gupta, Xu, Gupta et al., "RoSDHB", arXiv 2508.17129).
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import Ints, Vector

#: Coordinates of a block.
BLOCK = 1 << 12


@dataclass(frozen=True, eq=False)
class Kept:
    """The coordinates of a vector that travel in one step.

    Attributes
    ----------
    d : int
    places : ndarray of int, shape (k,), or None
        Coordinates, block by block; None where all of them travel.
    edges : ndarray of int, shape (B + 1,)
        Block b has the entries edges[b] ... edges[b + 1] - 1 of what travels.
    """

    d: int
    places: Ints | None
    edges: Ints

    @property
    def size(self) -> int:
        """Entries that travel, k."""
        return int(self.edges[-1])

    def taken(self, vector: Vector) -> Vector:
        """The entries of a vector that travel, (k,); itself if all do."""
        return vector if self.places is None else vector[self.places]

    def put(self, entries: Vector, out: Vector, factor: float = 1.0) -> None:
        """Write entries times a factor where they belong, zeros elsewhere."""
        if self.places is None:
            np.multiply(entries, np.float32(factor), out=out)
            return
        out.fill(0)
        out[self.places] = entries * np.float32(factor)

    @property
    def gain(self) -> float:
        """The factor d/k, with which the mean over all masks is right."""
        return self.d / self.size


def ends(d: int) -> Ints:
    """The end of each block of a vector, and 0 in front, (B + 1,)."""
    return np.append(np.arange(0, d, BLOCK), d)


def everything(d: int) -> Kept:
    """All coordinates."""
    return Kept(d, None, ends(d))


def count(d: int, keep: float) -> int:
    """The number of coordinates that are a share of d, rounded up.

    >>> count(30, 0.1), count(31, 0.1)
    (3, 4)
    """
    return math.ceil(d * Fraction(repr(keep)))


def chosen(d: int, keep: float, seed: int, step: int) -> Kept:
    """The coordinates of a step, where a share of them travels.

    Parameters
    ----------
    d : int
    keep : float
        Above 0, at most 1.
    seed, step : int

    Returns
    -------
    Kept
        Of k = ceil(keep * d) coordinates, each with probability k/d.

    Notes
    -----
    Block b has floor((k end_b + u)/d) of the coordinates up to its end, with
    one u for all, uniform on 0 ... d - 1: on average its share, and never
    less than that rounded down.  It is cut into as many pieces, nearly
    equal, and turned by a random distance; one coordinate is drawn of each
    piece.  The distance makes all coordinates of a block equally likely.
    """
    k, cuts = count(d, keep), ends(d)
    n_blocks = len(cuts) - 1
    words = streams.raw_words(streams.key(seed, 'mask', step), 0,
                              1 + n_blocks + (k + 1) // 2)
    edges = (k * cuts + int(words[0]) % d) // d
    sizes, counts = np.diff(cuts), np.diff(edges)
    turns = (words[1:1 + n_blocks] % sizes.astype(np.uint64)).astype(int)
    lots = words[1 + n_blocks:].astype('<u8').view('<u4')[:k].astype(int)

    # Of each entry: its block, its number there, and its piece.
    block = np.repeat(np.arange(n_blocks), counts)
    number = np.arange(k) - edges[block]
    size, n = sizes[block], counts[block]
    first = number * size // n
    width = (number + 1) * size // n - first
    place = first + (width * lots >> 32) + turns[block]
    return Kept(d, place % size + cuts[block], edges)
