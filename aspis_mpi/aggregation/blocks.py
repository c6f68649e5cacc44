"""The blocks of coordinates in which rules read rows, and their threads.

A block is a run of coordinates, so narrow that the rows' pieces stay in the
caches.  Blocks never depend on the number of threads, and nothing is summed
in the order in which threads finish: a result has the same bits for every
number of threads.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from aspis_mpi.arrays import Floats, Ints, Vector, blocks

#: Bytes of the float32 scratch of one thread.  Measured: 2 MB, a core's own
#: cache, is best for one thread with few rows; threads and many rows gain
#: from longer pieces, since each call is short beside what it costs.
SCRATCH = 1 << 22
#: Entries of a block: at least what makes a call worth its cost, at most
#: what lets the block of the result stay in the cache.
LEAST, MOST = 1 << 7, 1 << 16
#: Sums over all blocks are sums over so many runs of them.
RUNS = 16

#: The answer to a visit of a block.
Found = TypeVar('Found')
#: A visit of a block: gets a slice and float32 scratch as long as the block.
Visit = Callable[[slice, Vector], Found]


def over_blocks(visit: Visit[Found], size: int, n_scratch: int,
                threads: int) -> list[Found]:
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

    def look(block: slice, memory: Vector) -> Found:
        return visit(block, _scratch(memory, n_scratch, block))

    return _shared(look, blocks(size, width), n_scratch * width, threads)


def summed(visit: Visit[Floats], size: int, n_scratch: int,
           threads: int, step: int = 1) -> Floats:
    """The sum of the arrays that `visit` returns: see `over_blocks`.

    Few of them are kept at a time, since one of n^2 numbers a block may be
    more than the rows themselves.  A block is a multiple of `step` wide, if
    it is wider, and not the last.
    """
    width = block_width(n_scratch)
    width = min(max(width - width % step, min(width, step)), size)
    cut = blocks(size, width)
    edges = [len(cut) * run // RUNS for run in range(RUNS + 1)]
    runs = [cut[first:last] for first, last in zip(edges, edges[1:])
            if first < last]

    def look(run: list[slice], memory: Vector) -> Floats:
        total = visit(run[0], _scratch(memory, n_scratch, run[0]))
        for block in run[1:]:
            total += visit(block, _scratch(memory, n_scratch, block))
        return total

    first, *others = _shared(look, runs, n_scratch * width, threads)
    for found in others:
        first += found
    return first


def _scratch(memory: Vector, n: int, block: slice) -> Vector:
    """Room for n vectors as long as a block."""
    width = block.stop - block.start
    return memory[:n * width].reshape(n, width)


def _shared(look: Callable[[Any, Vector], Found], work: Sequence[Any],
            size: int, threads: int) -> list[Found]:
    """Answers of `look` to each piece of work, in their order.

    Each thread has `size` entries of memory for all that it does.
    """
    threads = min(threads, len(work))

    def walk(share: Sequence[Any]) -> list[Found]:
        memory = np.empty(size, dtype=np.float32)
        # Finite rows of absurd size overflow where they are summed.
        with np.errstate(over='ignore', invalid='ignore'):
            return [look(it, memory) for it in share]

    if threads <= 1:
        return walk(work)
    found: list[Any] = [None] * len(work)
    with ThreadPoolExecutor(threads) as pool:
        shares = [work[t::threads] for t in range(threads)]
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
    """Row i of `out`, which is contiguous, becomes piece i over its samples.
    """
    if alike(samples) == 1:
        np.concatenate(pieces, out=out.reshape(-1))
        return
    counts = samples.astype(np.float32)
    for row, piece, count in zip(out, pieces, counts):
        np.divide(piece, count, out=row)


def alike(samples: Ints) -> int:
    """The number of samples of all rows, 0 if it is not the same.

    >>> alike(np.array([3, 3])), alike(np.array([3, 4]))
    (3, 0)
    """
    first = samples[0]
    return int(first) if (samples == first).all() else 0
