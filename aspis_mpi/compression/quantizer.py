"""Gradients to integers of a few bits, the same on every machine.

Entry i of a file becomes q_i = clip(floor(g_i 2^-e + u_i), -M ... M) with
M = 2^(bits-1) - 1, one exponent e for each block, and a public dither
u = (w + 1/2) 2^-16 of 16-bit words w that belong to seed, step and file.
Unbiased but for clipping.  The steps 2^e are powers of two, so that the
product is exact: division, reciprocals and fused operations would differ in
a few of a million entries between machines that all are right.

Behind the entries stand two more for each block, by which the next grid is
made (`aspis_mpi.compression.grid`): the root mean square of its q, rounded
up, and how many were clipped, at most 127.  The first is 0 only where all
of a gradient is, so that a grid that makes zeros of all else becomes finer.
Then zeros, up to a multiple of four.  They go through votes, sums, sketches
and checks like all others.

-2^(bits-1) is no entry: a file with a number that is not finite has it
everywhere.
"""

import numpy as np
import numpy.typing as npt

from aspis_mpi import arrays, streams
from aspis_mpi.arrays import Floats, Ints, Vector
from aspis_mpi.compression.mask import Kept

#: The type of a file's entries, and the largest count of clipped ones.
Bytes = npt.NDArray[np.int8]
MOST = 127
#: Blocks at a time: their floats stay in a core's cache.
GROUP = 16
#: Entries that one raw word of 64 bits dithers.
A_WORD = 4


def length(size: int, n_blocks: int) -> int:
    """Entries of a file of `size` coordinates, a multiple of four.

    >>> length(4097, 2)
    4104
    """
    return -(-(size + 2 * n_blocks) // 4) * 4


def largest(bits: int) -> int:
    """The largest entry of so many bits, M.

    >>> largest(8), largest(4)
    (127, 7)
    """
    return (1 << bits - 1) - 1


def missing(bits: int) -> int:
    """The entry that stands for a file that is not finite.

    >>> missing(8), missing(4)
    (-128, -8)
    """
    return -(1 << bits - 1)


def quantize(gradient: Vector, kept: Kept, exponents: Ints, secret: bytes,
             bits: int, out: Bytes) -> None:
    """The integers of a file.

    Parameters
    ----------
    gradient : ndarray of float32, shape (d,)
    kept : Kept
        The k coordinates that travel, in B blocks.
    exponents : ndarray of int8, shape (B,)
    secret : bytes
        16 bytes, the key of the dither: see `dither`.
    bits : int
    out : ndarray of int8, shape (length(k, B),)

    Notes
    -----
    Three floats are rounded: the sum of a product and a dither, once.  It is
    the same whether a machine fuses the two operations, since the product
    is exact; what underflows is far below any dither, what overflows is
    clipped.
    """
    if not arrays.is_finite(gradient):
        out.fill(missing(bits))
        return
    entries, n_blocks = kept.taken(gradient), len(exponents)
    factors = np.ldexp(np.float32(1), -exponents.astype(np.int32))
    squares, clipped = np.zeros(n_blocks), np.zeros(n_blocks)
    most = np.float32(largest(bits))
    with np.errstate(over='ignore'):
        for first in range(0, n_blocks, GROUP):
            some = slice(first, min(first + GROUP, n_blocks))
            cut = kept.edges[first:some.stop + 1]
            _group(entries, cut, factors[some], secret, most, out,
                   squares[some], clipped[some])
    counts = np.maximum(np.diff(kept.edges), 1)
    tail = out[kept.size:]
    tail[:n_blocks] = np.ceil(np.sqrt(squares / counts))
    tail[n_blocks:2 * n_blocks] = np.minimum(clipped, MOST)
    tail[2 * n_blocks:] = 0


def _group(entries: Vector, cut: Ints, factors: Vector, secret: bytes,
           most: np.float32, out: Bytes, squares: Floats,
           clipped: Floats) -> None:
    """Some blocks: their integers, sums of squares, and what was clipped."""
    start, stop = int(cut[0]), int(cut[-1])
    x = multiplied(entries[start:stop], factors, np.diff(cut))
    x += dither(secret, start, stop - start)
    np.floor(x, out=x)
    bounded = np.clip(x, -most, most)
    out[start:stop] = bounded
    # No other block has anything.
    full = np.flatnonzero(np.diff(cut))
    if not full.size:
        return
    firsts = cut[full] - start
    if not np.array_equal(bounded, x):
        clipped[full] = np.add.reduceat(bounded != x, firsts, dtype=float)
    np.multiply(bounded, bounded, out=bounded)
    squares[full] = np.add.reduceat(bounded, firsts, dtype=float)
    for block in full[squares[full] == 0].tolist():
        squares[block] = not is_zero(entries[cut[block]:cut[block + 1]])


def is_zero(entries: Vector) -> bool:
    """True for zeros; by bits, as some machines take others for zeros, too."""
    return not (entries.view(np.uint32) << 1).any()


def multiplied(entries: npt.NDArray[np.generic], factors: Vector,
               counts: Ints) -> Vector:
    """Entries times the factor of their block, a new float32 vector."""
    n = int(counts[0])
    if n and (counts == n).all():
        return np.multiply(entries.reshape(-1, n), factors[:, None],
                           dtype=np.float32).ravel()
    return np.multiply(entries, np.repeat(factors, counts), dtype=np.float32)


def dither(secret: bytes, start: int, n: int) -> Vector:
    """The numbers u of n entries from `start` on, each in (0, 1).

    Four to a word of the Philox stream of 16 secret bytes.
    """
    first, skipped = divmod(start, A_WORD)
    raw = streams.raw_words(secret, first, -(-(skipped + n) // A_WORD))
    words = raw.astype('<u8', copy=False).view('<u2')[skipped:skipped + n]
    u = words.astype(np.float32)
    u += np.float32(0.5)
    u *= np.float32(2.0 ** -16)
    return u


def flaw(values: npt.NDArray[np.signedinteger], kept: Kept, bits: int,
         files: int = 1) -> str:
    """The reason why a vector is no file, and no sum of files; or ''.

    Parameters
    ----------
    values : ndarray of int8, int16 or int32
    kept : Kept
    bits : int
    files : int
        Files in the sum, as often as they are in it.

    Notes
    -----
    A vector that is not finite has one value everywhere, the least of its
    type for a sum, `missing` for a file.
    """
    if is_missing(values, bits):
        return ''
    size, n_blocks = kept.size, len(kept.edges) - 1
    entries, most = values[:size], largest(bits) * files
    tail = values[size:]
    bounds = ((entries, -most, most), (tail[:n_blocks], 0, most),
              (tail[n_blocks:2 * n_blocks], 0, MOST * files),
              (tail[2 * n_blocks:], 0, 0))
    for part, least, most in bounds:
        if part.size and not (least <= part.min() and part.max() <= most):
            wrong = part.min() if part.min() < least else part.max()
            return f'an entry of {wrong}, which must be {least} ... {most}'
    return ''


def gap(values: npt.NDArray[np.signedinteger], bits: int) -> int:
    """The value that stands for what is not finite, in vectors of a type."""
    if values.dtype == np.int8:
        return missing(bits)
    return int(np.iinfo(values.dtype).min)


def is_missing(values: npt.NDArray[np.signedinteger], bits: int) -> bool:
    """True where a file, or a sum, stands for what is not finite."""
    least = gap(values, bits)
    return values[0] == least and bool((values == least).all())


def sum_type(weight: float, multiple: int = 1) -> np.dtype[np.signedinteger]:
    """The type of a sum of `weight` files; with a multiple always int32.

    >>> sum_type(258).name, sum_type(259).name, sum_type(2, 6).name
    ('int16', 'int32', 'int32')
    """
    few = multiple == 1 and weight * MOST <= np.iinfo(np.int16).max
    return np.dtype(np.int16 if few else np.int32)
