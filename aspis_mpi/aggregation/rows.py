"""The means of a step's files, as rules read them: block by block.

What a pre-aggregation makes of the files is never there as a whole: it is
made anew of each block that is read.
"""

from collections.abc import Callable, Sequence

import numpy as np

from aspis_mpi.aggregation.blocks import (
    Found, Visit, add_up, alike, over_blocks, per_sample, summed)
from aspis_mpi.arrays import Floats, Ints, Vector

#: Coordinates of a sample of them, at least if there are as many.
SAMPLED = 1 << 11

#: Rows are divided by more than this in two steps, as float32 ends at 3e38,
#: and multiplied by less than `TINY` after a division by `MUCH`.
HUGE, TINY, MUCH = 1e30, 2.0 ** -96, 2.0 ** 64

#: A look at a block: its slice, the block of each row, free scratch.
Look = Callable[[slice, Sequence[Vector], Vector], Found]


class Rows:
    """The files' gradients as they were sent, sums over their samples.

    Parameters
    ----------
    rows : sequence of ndarray of float32, shape (d,)
    samples : ndarray of int, shape (n,)
    threads : int

    Attributes
    ----------
    n, size : int
        Rows, and entries of each.
    samples : ndarray of int, shape (n,)
        What to divide each row by.
    """

    #: Vectors of scratch that `read` needs.
    needs = 0

    def __init__(self, rows: Sequence[Vector], samples: Ints, threads: int):
        self.n, self.size = len(rows), rows[0].size
        self.samples = samples
        self.threads = threads
        self._rows = rows

    def read(self, block: slice, scratch: Vector) -> Sequence[Vector]:
        """The block of each row; `scratch` has `needs` vectors."""
        return [row[block] for row in self._rows]

    def _some(self, rows: Sequence[int], block: slice,
              scratch: Vector) -> Sequence[Vector]:
        """The block of some rows; `scratch` has as many vectors."""
        return [self._rows[i][block] for i in rows]

    def mean(self, out: Vector) -> None:
        """Write the mean over all samples.

        Rows are added in their order, then divided.
        """
        total = np.float32(self.samples.sum())

        def look(block: slice, pieces: Sequence[Vector],
                 _: Vector) -> None:
            add_up(pieces, out[block])
            np.divide(out[block], total, out=out[block])

        self.walk(look, 0)

    def combined(self, weights: Floats, out: Vector) -> None:
        """Write the sum of the rows' means, each times its weight."""
        chosen = np.flatnonzero(weights).tolist()
        much = np.where(np.abs(weights[chosen]) < TINY, MUCH, 1)
        factors = (weights[chosen] * much).astype(np.float32)
        counts = self.samples[chosen] * much
        # One division is enough where it is the same for all.
        scale = np.float32(alike(counts))
        divisors = np.ones_like(counts) if scale else counts

        def visit(block: slice, means: Vector) -> None:
            result = out[block]
            per_sample(self._some(chosen, block, means), divisors, means)
            np.dot(factors, means, out=result)
            if scale > 1:
                np.divide(result, scale, out=result)

        over_blocks(visit, self.size, len(chosen), self.threads)

    def sample(self, least: int = SAMPLED) -> Floats:
        """Some coordinates of the means, at equal distances, (n, m)."""
        step = max(self.size // least, 1)
        some = np.array([row[::step] for row in self._rows], dtype=float)
        return some / self.samples[:, np.newaxis]

    def walk(self, look: Look[Found], n_scratch: int) -> list[Found]:
        """Call `look(block, pieces, scratch)` for every block.

        Parameters
        ----------
        look : callable
            Gets a slice, the block of each row, and float32 scratch of its
            thread's, n_scratch vectors as long as the block.
        n_scratch : int

        Returns
        -------
        list
            What it returned, in the order of the blocks.
        """
        return over_blocks(self._reading(look, n_scratch), self.size,
                           n_scratch + self.needs, self.threads)

    def total(self, look: Look[Floats], n_scratch: int,
              step: int = 1) -> Floats:
        """The sum of the float64 arrays that `look` returns: see `walk`.

        Blocks are multiples of `step`: see `summed`.
        """
        return summed(self._reading(look, n_scratch), self.size,
                      n_scratch + self.needs, self.threads, step)

    def _reading(self, look: Look[Found], n_scratch: int) -> Visit[Found]:
        def visit(block: slice, scratch: Vector) -> Found:
            pieces = self.read(block, scratch[n_scratch:])
            return look(block, pieces, scratch[:n_scratch])
        return visit


class Mixed(Rows):
    """Sums of the means of other rows with given weights.

    Parameters
    ----------
    inner : Rows
        n of them.
    matrix : ndarray of float64, shape (m, n)
        The weights of each new row.
    """

    def __init__(self, inner: Rows, matrix: Floats):
        self.n, self.size = len(matrix), inner.size
        self.samples = np.ones(self.n, dtype=int)
        self.threads = inner.threads
        self.needs = self.n + inner.n + inner.needs
        self._inner = inner
        self._matrix = matrix
        self._factors = matrix.astype(np.float32)

    def read(self, block: slice, scratch: Vector) -> Sequence[Vector]:
        """Mix the block of the rows inside."""
        mixed, means, rest = np.split(scratch, (self.n, self.n
                                                + self._inner.n))
        per_sample(self._inner.read(block, rest), self._inner.samples, means)
        np.dot(self._factors, means, out=mixed)
        return list(mixed)

    def mean(self, out: Vector) -> None:
        """The mean of combinations of the rows inside is one."""
        self.combined(np.full(self.n, 1 / self.n), out)

    def combined(self, weights: Floats, out: Vector) -> None:
        """A combination of combinations of the rows inside is one."""
        self._inner.combined(weights @ self._matrix, out)

    def sample(self, least: int = SAMPLED) -> Floats:
        """Some coordinates of the mixed rows."""
        return self._matrix @ self._inner.sample(least)


class Scaled(Rows):
    """The means of other rows, each times a factor of its own.

    Parameters
    ----------
    inner : Rows
        n of them.
    factors : ndarray of float64, shape (n,)
        Above 0.
    """

    def __init__(self, inner: Rows, factors: Floats):
        self.n, self.size = inner.n, inner.size
        self.samples = np.ones(self.n, dtype=int)
        self.threads = inner.threads
        self.needs = inner.n + inner.needs
        self._inner = inner
        self._factors = factors
        # What is infinite makes zeros, which is right.
        with np.errstate(over='ignore'):
            self._divisors = inner.samples / factors

    def read(self, block: slice, scratch: Vector) -> Sequence[Vector]:
        """Scale the block of each row inside."""
        scaled = scratch[:self.n]
        pieces = self._inner.read(block, scratch[self.n:])
        for row, piece, divisor in zip(scaled, pieces, self._divisors):
            np.divide(piece, np.float32(min(divisor, HUGE)), out=row)
            if divisor > HUGE:
                np.divide(row, np.float32(divisor / HUGE), out=row)
        return list(scaled)

    def mean(self, out: Vector) -> None:
        """The mean of the scaled rows, which are not made for it."""
        self.combined(np.full(self.n, 1 / self.n), out)

    def combined(self, weights: Floats, out: Vector) -> None:
        """Factors are weights, too."""
        self._inner.combined(weights * self._factors, out)

    def sample(self, least: int = SAMPLED) -> Floats:
        """Some coordinates of the scaled rows."""
        return self._factors[:, np.newaxis] * self._inner.sample(least)
