"""The base of every aggregator: a rule on n rows, applied block by block.

A block is a run of coordinates, so narrow that the rows' pieces stay in the
caches.  Blocks never depend on the number of threads, and nothing is summed
in the order in which threads finish: the result has the same bits for every
number of threads.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from aspis_mpi.arrays import Ints, Vector, blocks

#: Bytes of the float32 scratch of one thread.  Measured: 2 MB, a core's own
#: cache, is best for one thread with few rows; threads and many rows gain
#: from longer pieces, since each call is short beside what it costs.
SCRATCH = 1 << 22
#: Entries of a block: at least what makes a call worth its cost, at most
#: what lets the block of the result stay in the cache.
LEAST, MOST = 1 << 7, 1 << 16

#: The answer to a visit of a block.
Found = TypeVar('Found')


class Aggregator:
    """A rule that makes one mean gradient of n per-file gradients.

    Parameters
    ----------
    n_files : int
        f, the most rows that a step can bring.
    n_adversaries : int
        q, as the server assumes it.
    worst_case : int
        The most files that q adversaries can make wrong.
    """

    #: Whether one entry that is not finite shows in the result, always.
    shows_non_finite = False
    #: Whether it is the mean over all samples, which coded sums are.
    is_plain_mean = False

    def __init__(self, n_files: int, n_adversaries: int, worst_case: int):
        if n_files < 1:
            raise ValueError(f'number of files {n_files} must be at least 1')
        if n_adversaries < 0:
            raise ValueError(
                f'number of adversaries {n_adversaries} must be at least 0')
        self.n_files = n_files
        self.n_adversaries = n_adversaries
        self.worst_case = worst_case

    def aggregate(self, rows: Sequence[Vector], samples: npt.ArrayLike,
                  out: Vector, threads: int = 1) -> None:
        """Write the aggregated mean gradient per sample to `out`.

        Parameters
        ----------
        rows : sequence of ndarray of float32, shape (d,)
            Finite gradients, each the sum over its file's samples; they are
            only read.
        samples : array_like of int, shape (n,)
            Samples of each row's file, at least 1.
        out : ndarray of float32, shape (d,)
            Receives the result; overlaps no row.
        threads : int
            Threads that share the blocks of coordinates.

        Raises
        ------
        ValueError
            No rows, or shapes and counts that do not fit.

        Notes
        -----
        Besides the result each thread needs about 4 MB.  Rows whose sum
        exceeds the range of float32 can make the result infinite.
        """
        counts = checked(rows, samples, out)

        def visit(block: slice, scratch: Vector) -> None:
            pieces = [row[block] for row in rows]
            self.reduce(pieces, counts, scratch, out[block])

        over_blocks(visit, out.size, self.scratch_rows(len(rows)), threads)

    def scratch_rows(self, n: int) -> int:
        """Vectors as long as a block that `reduce` needs for n rows."""
        raise NotImplementedError

    def reduce(self, pieces: Sequence[Vector], samples: Ints,
               scratch: Vector, out: Vector) -> None:
        """The rule on one block of b coordinates.

        Parameters
        ----------
        pieces : list of ndarray of float32, shape (b,)
            The block of each row; only read.
        samples : ndarray of int, shape (n,)
        scratch : ndarray of float32, shape (scratch_rows(n), b)
            Free to use.
        out : ndarray of float32, shape (b,)
        """
        raise NotImplementedError


def checked(rows: Sequence[Vector], samples: npt.ArrayLike,
            out: Vector) -> Ints:
    """The sample counts as an array, after a look at every shape."""
    counts = np.asarray(samples)
    if not len(rows):
        raise ValueError('0 rows cannot be aggregated; at least 1 is needed')
    if counts.shape != (len(rows),):
        raise ValueError(f'sample counts of shape {counts.shape} do not fit '
                         f'{len(rows)} rows')
    if counts.min() < 1:
        raise ValueError(
            f'sample count {counts.min()} of a row must be at least 1')
    for row in rows:
        if row.shape != out.shape:
            raise ValueError(f'a row of shape {row.shape} does not fit a '
                             f'result of shape {out.shape}')
    return counts


def over_blocks(visit: Callable[[slice, Vector], Found], size: int,
                n_scratch: int, threads: int) -> list[Found]:
    """Call `visit(block, scratch)` for every block of `range(size)`.

    Parameters
    ----------
    visit : callable
        Gets a slice and the calling thread's own float32 scratch of shape
        (n_scratch, length of the slice).
    size, n_scratch, threads : int

    Returns
    -------
    list
        What `visit` returned, in the order of the blocks.
    """
    width = min(block_width(n_scratch), size)
    cut = blocks(size, width)
    threads = min(threads, len(cut))

    def walk(share: Iterable[slice]) -> list[Found]:
        memory = np.empty(n_scratch * width, dtype=np.float32)
        # Finite rows of absurd size overflow where they are summed.
        with np.errstate(over='ignore', invalid='ignore'):
            return [visit(s, memory[:n_scratch * (s.stop - s.start)]
                          .reshape(n_scratch, s.stop - s.start))
                    for s in share]

    if threads <= 1:
        return walk(cut)
    found: list[Any] = [None] * len(cut)
    with ThreadPoolExecutor(threads) as pool:
        shares = [cut[t::threads] for t in range(threads)]
        for t, results in enumerate(pool.map(walk, shares)):
            found[t::threads] = results
    return found


def block_width(n_scratch: int) -> int:
    """Entries of a block when `n_scratch` float32 vectors are needed.

    Odd multiples of a cache line: rows of the scratch a power of two apart
    would compete for the same lines.
    """
    width = min(max(SCRATCH // 4 // max(n_scratch, 1), LEAST), MOST)
    return (width // 16 - 1 | 1) * 16


def add_up(pieces: Sequence[Vector], out: Vector) -> None:
    """The sum of vectors, in float32 and in their order."""
    np.copyto(out, pieces[0])
    for piece in pieces[1:]:
        np.add(out, piece, out=out)


def per_sample(pieces: Sequence[Vector], samples: Ints,
               out: Vector) -> None:
    """Row i of `out` becomes piece i over its number of samples."""
    counts = samples.astype(np.float32)
    for row, piece, count in zip(out, pieces, counts):
        np.divide(piece, count, out=row)
