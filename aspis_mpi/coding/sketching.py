"""Sketches of gradients: a few random projections in place of a vector.

The sketch of a gradient g is V g for k rows of random numbers that nobody
knew when g was computed and sent.  Payloads add parts of gradients up, and a
sketch is linear, so payloads can be checked against the sketches of what
they should be made of (`aspis_mpi.coding.challenge`).

The entries of V are half-integers v + 1/2, v an independent and uniform
integer of 16 bits taken from raw words of a Philox stream whose key is the
secret: every machine makes the same ones.  The half makes their mean exactly
zero.  They are divided by their root mean square, so that E (V g)^2 = |g|^2
for each row.
"""

import math
from functools import lru_cache, partial

import numpy as np

from aspis_mpi.arrays import blocks, sealed
from aspis_mpi.coding.combine import payload_size
from aspis_mpi.streams import raw_words

#: Coordinates a block and bytes of gradients at a time: with both, 2.6 MB in
#: use, which is a little faster than what fits into a core's own cache.
BLOCK, GROUP = 1 << 14, 12 << 17
#: So few rows of float32 are multiplied with one gradient after the other,
#: where it is: a product of matrices needs copies, which cost more than that.
FEW = 4
#: Coordinates a block then: more of them, for fewer calls, and not so many
#: that a sum of squares loses digits.
LONG = 1 << 15
#: Bytes of V, or else of its random words, that are kept for the next
#: sketches with the same secret, as of a file that is checked.
KEPT = 1 << 23
#: Root mean square of v + 1/2, v uniform on -32768, ..., 32767.
RMS = math.sqrt((2 ** 32 - 1) / 12)
#: Sum of squares of a block below which float32 may have lost some of them.
LEAST = 1e-25


def matrix(secret, k, coordinates):
    """Entries of V on some coordinates, not yet divided by `RMS`.

    Parameters
    ----------
    secret : bytes
        16 bytes.
    k : int
        Number of rows, at least 1.
    coordinates : slice
        With start and stop.

    Returns
    -------
    ndarray of float64, shape (n, k)
        V transposed.  A coordinate takes ceil(k / 4) words to itself, so it
        has the same entries in whatever block it is made.

    Raises
    ------
    ValueError
        No row, or a secret of another length.
    """
    _check(k)
    n = coordinates.stop - coordinates.start
    return _fill(np.empty((n, k)), secret, coordinates.start)


def _words(k):
    """Random words that a coordinate takes."""
    return -(-k // 4)


def _check(k):
    if k < 1:
        raise ValueError(f'sketches {k} must be at least 1')


def _fill(out, secret, first, words=None):
    """Rows of V transposed from one on, in `out` (n, k).

    `words`: the words of the secret, if they are here.
    """
    n_words = _words(out.shape[1])
    # In pieces: the words of a long V take as much room as V.
    for s in blocks(len(out)):
        start, n = (first + s.start) * n_words, (s.stop - s.start) * n_words
        raw = (raw_words(secret, start, n) if words is None
               else words[start:start + n])
        integers = raw.astype('<u8', copy=False).view('<i2')
        piece = out[s]
        piece[:] = integers.reshape(-1, 4 * n_words)[:, :out.shape[1]]
        piece += 0.5
    return out


def _singly(k, dtype):
    """True if gradients are multiplied one after the other."""
    return dtype == np.float32 and k <= FEW


def _room(n, k, dtype):
    """Room for n rows of V transposed, in the order of its use."""
    return np.empty((n, k), dtype, 'F' if _singly(k, dtype) else 'C')


def _matrices(secret, k, size, dtype):
    """Blocks of `range(size)`, and what `matrix` makes of each.

    The next one may be in the place of the one before.
    """
    block = LONG if _singly(k, dtype) else BLOCK
    if 8 * size * k <= KEPT:
        kept = _kept(secret, k, size, dtype)
        yield from ((s, kept[s]) for s in blocks(size, block))
        return
    n = size * _words(k)
    words = _whole(secret, n) if 8 * n <= KEPT else None
    memory = _room(min(size, block), k, dtype)
    for s in blocks(size, block):
        yield s, _fill(memory[:s.stop - s.start], secret, s.start, words)


@lru_cache(maxsize=1)
def _kept(secret, k, size, dtype):
    """All of a short V transposed."""
    return sealed(_fill(_room(size, k, dtype), secret, 0))


@lru_cache(maxsize=1)
def _whole(secret, n):
    """The first n random words of a secret."""
    return sealed(raw_words(secret, 0, n))


def sketch(gradients, copies, secret, k=8, dtype=np.float64):
    """Sketches and norms of all parts of some gradients, or of payloads.

    Parameters
    ----------
    gradients : sequence of ndarray of float32, shape (d,)
        Of n files; or the payloads of n workers, with `copies` 1.
    copies : int
        Parts into which each is cut, the last padded by zeros.
    secret : bytes
        16 bytes, drawn after the payloads had arrived.
    k : int
        Rows of V.
    dtype : dtype
        Of products, and of the sums of a block of them: float64 or float32.

    Returns
    -------
    ndarray of float64, shape (n, k + 1, copies)
        [i, :k, p] is V part_p(g_i), with the same V for every part;
        [i, k, p] is the Euclidean norm of part_p(g_i).  All k + 1 numbers
        are non-finite where a part is not finite.

    Raises
    ------
    ValueError
        Gradients of different sizes, no copy, no row, or a bad secret.

    Notes
    -----
    In float64 the error of a sketch is some 1e-16 sqrt(d) |g|, 1e-12 |g| for
    10^8 numbers.  Products of the linear algebra library do the work, so the
    last bits may depend on the machine, on threads and on the other gradients
    of the call: compare with a tolerance of 1e-9.  For integers that stay
    below 2^53 when summed they are exact.

    In float32, which takes half the time, the error is 5e-7 |g| whatever d
    is, as a root mean square, and 2e-6 |g| in some rows (the entries of V are
    exact, and sums of blocks are added in float64): compare with a tolerance
    of 5e-6.  A block whose squares are beyond float32 is done again in
    float64.

    Each number is read once, for about 1 ns where gradients come from
    memory, and V is made once, for 8 ns a coordinate; for 3 if the sketches
    before had the same secret and its words are no more than `KEPT`, for
    nothing if V is not.  No other temporary is larger than 1.6 MB.
    """
    _check(k)
    gradients = list(gradients)
    if copies < 1:
        raise ValueError(f'copies {copies} must be at least 1')
    size = payload_size(_common_size(gradients), copies)
    parts = [gradient[p * size:(p + 1) * size]
             for p in range(copies) for gradient in gradients]
    sums = np.zeros((len(parts), k + 1))
    add = _adder(len(parts), size, k, np.dtype(dtype))
    with np.errstate(over='ignore', under='ignore', invalid='ignore'):
        for s, entries in _matrices(secret, k, size, np.dtype(dtype)):
            add(sums, parts, s, entries)
    sums[:, :k] /= RMS
    sums[:, k] = np.sqrt(sums[:, k])
    shaped = sums.reshape(copies, len(gradients), k + 1)
    return np.ascontiguousarray(shaped.transpose(1, 2, 0))


def _common_size(gradients):
    """The size of all gradients, 0 if there is none."""
    size = gradients[0].size if gradients else 0
    for gradient in gradients:
        if gradient.shape != (size,):
            raise ValueError(f'a gradient of shape {gradient.shape} does not '
                             f'fit gradients of {size} entries')
    return size


def _adder(n, size, k, dtype):
    """The way to add a block to the sums V g and |g|^2 of n parts."""
    if _singly(k, dtype):
        return _add_singly
    most = GROUP // (BLOCK * dtype.itemsize)
    return partial(_add_together, np.empty(
        (min(n, most), min(size, BLOCK)), dtype))


def _add_together(spare, sums, parts, s, entries):
    """As many parts at a time as there is room for, as one matrix."""
    n = max(len(spare), 1)
    for first in range(0, len(parts), n):
        group = slice(first, first + n)
        _add_rows(spare, sums[group], parts[group], s, entries)


def _add_rows(spare, sums, parts, s, entries):
    rows = spare[:len(parts), :len(entries)]
    for row, part in zip(rows, parts):
        piece = part[s]
        row[:piece.size], row[piece.size:] = piece, 0
    squares = np.vecdot(rows, rows)
    if rows.dtype == np.float32 and not _in_range(rows, squares):
        rows, entries = rows.astype(np.float64), entries.astype(np.float64)
        squares = np.vecdot(rows, rows)
    sums[:, :-1] += rows @ entries
    sums[:, -1] += squares


def _add_singly(sums, parts, s, entries):
    """One part after the other, without a copy."""
    for row, part in zip(sums, parts):
        # Of other ones sums of products are made without partial sums.
        piece = np.ascontiguousarray(part[s])
        square, some = piece.dot(piece), entries[:piece.size]
        if not (math.isfinite(square) and square >= LEAST):
            piece, some = piece.astype(np.float64), some.astype(np.float64)
            square = piece.dot(piece)
        row[:-1] += np.vecdot(some.T, piece)
        row[-1] += square


def _in_range(rows, squares):
    """True where float32 has neither lost small squares nor overflowed."""
    small = squares < LEAST
    return np.isfinite(squares).all() and not (
        small.any() and rows[small].any())
