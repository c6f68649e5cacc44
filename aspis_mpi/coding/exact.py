"""Tests of whole numbers, by sketches without any rounding.

V is made of tiles (`aspis_mpi.coding.tiles`).  Its factors are odd numbers
2 v + 1 with v uniform and independent: of 16 bits, but of 10 for the inner
ones where there are 8 rows or more.  All sums are exact modulo 2^64.

*What can pass.*  Let an error e of whole numbers below 2^33, chosen before V,
have a tile e_t that is not 0.  Its product with the inner factors, w = a e_t,
is 0 for one value of some a_i at most, whatever the others are: with
probability 2^-10, or 2^-16.  Where w is 2^m times an odd number, V e = 0
modulo 2^64 leaves one value of b_t in 2^(63 - m), so one of all if m < 48.
It is larger in one of 2^10 cases, or 2^15, and 56 at most, as 2^32 may divide
all of e_t.  So a row misses an error with probability 2^-10 + 2^-16 + 2^-17,
or 2^-15 + 2^-22, at most; eight rows, or four, with 2^-79 or 2^-59.  If only
one entry of e is not 0 it is never missed, since no entry of V is 0.  There
is no tolerance, so nothing can hide in what passes.

Products with inner factors are made by the linear algebra library where they
are exact in any order: of int8 and 10 bits in float32, since 128 * 128 * 1023
< 2^24; of all others in float64, with int32 cut in two.
"""

import numpy as np

from aspis_mpi.coding import tiles
from aspis_mpi.coding.challenge import CHANCE
from aspis_mpi.coding.scrutiny import Scrutiny
from aspis_mpi.coding.tiles import CHUNK, TILE

#: Bytes whose sum of squares float32 has exactly; a multiple of a tile.
EXACT = 512
#: Vectors at a time, and chunks whose factors are drawn at once.
GROUP, BATCH = 6, 32
#: What stands for a vector that is not finite, in all of its sketch.
GAP = np.iinfo(np.int64).min


def inner_bits(k):
    """Bits of v in the inner factors of k rows.

    >>> inner_bits(8), inner_bits(4)
    (10, 16)
    """
    return 10 if k >= 8 else 16


def missed(k):
    """Chance, at most, that k rows miss an error, as is said above.

    >>> missed(8) < 2 ** -79, missed(4) < 2 ** -59, missed(1) > 2 ** -15
    (True, True, True)
    """
    if inner_bits(k) == 10:
        return (2.0 ** -10 + 2.0 ** -16 + 2.0 ** -17) ** k
    return (2.0 ** -15 + 2.0 ** -22) ** k


def factors(secret, k, first, last):
    """The inner and the outer factors of V in some chunks.

    Parameters
    ----------
    secret : bytes
        16 bytes.
    k : int
        At least 1.
    first, last : int
        The first chunk and the one behind the last.

    Returns
    -------
    inner : ndarray of int32, shape (n, TILE, k)
    outer : ndarray of int32, shape (n, TILES, k)

    Raises
    ------
    ValueError
        No row, or a secret of another length.
    """
    drawn = tiles.drawn(secret, k, first, last).astype(np.int32)
    bits = inner_bits(k)
    inner = 2 * (drawn[:, :TILE] >> 16 - bits) + 1 - (1 << bits)
    return inner, 2 * drawn[:, TILE:] + 1 - (1 << 16)


def sketch(vectors, secret, k):
    """Sketches V x and squared norms of some vectors of one type.

    Parameters
    ----------
    vectors : list of ndarray of int8, int16 or int32, shape (d,)
    secret : bytes
        16 bytes, drawn after the payloads had arrived.
    k : int

    Returns
    -------
    ndarray of int64, shape (n, k + 1)
        [i, :k] is V x_i modulo 2^64; [i, k] is |x_i|^2 for int8, and 0 for
        others.

    Notes
    -----
    Each entry is read once, for 0.5 ns if it is a byte.
    """
    n = len(vectors)
    sums = np.zeros((n, k + 1), dtype=np.int64)
    if not n:
        return sums
    size, bytewise = vectors[0].size, vectors[0].dtype == np.int8
    real = np.float32 if bytewise and inner_bits(k) == 10 else np.float64
    spare = np.empty((min(n, GROUP), min(_whole(size), CHUNK)), real)
    for part, inner, outer in _chunks(secret, k, size):
        inner = inner.astype(real)
        for first in range(0, n, GROUP):
            some = slice(first, first + GROUP)
            pieces = [vector[part] for vector in vectors[some]]
            for factor, x in _halves(pieces, spare):
                left = (x.reshape(-1, TILE) @ inner).reshape(len(x), -1, k)
                sums[some, :k] += factor * _added(left, outer)
                if bytewise:
                    sums[some, k] += _squares(x)
    return sums


def _whole(size):
    """Numbers up to a multiple of `EXACT`."""
    return -(-size // EXACT) * EXACT


def _chunks(secret, k, size):
    """Chunks of `range(size)`, and the factors of V in each."""
    n = -(-size // CHUNK)
    for first in range(0, n, BATCH):
        made = factors(secret, k, first, min(first + BATCH, n))
        for c, (inner, outer) in enumerate(zip(*made), first):
            yield slice(c * CHUNK, min((c + 1) * CHUNK, size)), inner, outer


def _halves(pieces, spare):
    """Pieces as floats whose products are exact, zeros behind, and factors.

    All in the same memory, one after the other.
    """
    width = _whole(pieces[0].size)
    x = spare.reshape(-1)[:len(pieces) * width].reshape(-1, width)
    x[:, pieces[0].size:] = 0
    wide = pieces[0].dtype.itemsize > 2
    for row, piece in zip(x, pieces):
        row[:piece.size] = piece & 0xffff if wide else piece
    yield 1, x
    if wide:
        for row, piece in zip(x, pieces):
            row[:piece.size] = piece >> 16
        yield 1 << 16, x


def _added(left, outer):
    """Rests of tiles, (n, t, k), times their factors: int64 (n, k)."""
    outer = outer[:left.shape[1]]
    if left.dtype == np.float32:
        # Products are below 2^40, and there are 128 of them.
        terms = left * outer.astype(np.float64)
        return (np.ones(len(outer)) @ terms).astype(np.int64)
    return (left.astype(np.int64) * outer).sum(axis=1)


def _squares(x):
    """Sums of squares of bytes, int64 (n,)."""
    cut = x.reshape(len(x), -1, EXACT)
    return np.vecdot(cut, cut).sum(axis=1, dtype=np.float64).astype(np.int64)


class Exact(Scrutiny):
    """The tests of vectors of whole numbers; gradients are not cut in parts.

    Parameters
    ----------
    multiple : int
        By which all coefficients are multiplied, so that they are whole.
    is_gap : callable
        Given a vector, whether it stands for one that is not finite.
    """

    dtype = np.int64

    def __init__(self, multiple, is_gap):
        self._multiple = multiple
        self._is_gap = is_gap

    def sketch(self, vectors, copies, secret, k):
        """Sketches and squared norms, int64 (n, k + 1, 1)."""
        found = np.zeros((len(vectors), k + 1, 1), dtype=np.int64)
        for dtype in {vector.dtype for vector in vectors}:
            some = [i for i, vector in enumerate(vectors)
                    if vector.dtype == dtype]
            found[some, :, 0] = sketch([vectors[i] for i in some], secret, k)
        gaps = [i for i, vector in enumerate(vectors) if self._is_gap(vector)]
        found[gaps] = GAP
        return found

    def passes(self, payload, own, weights, size):
        """All rows are equal; a gap in one file makes one of the sum.

        Both may wrap around, modulo 2^64.
        """
        whole = np.rint(np.asarray(weights) * self._multiple).astype(np.int64)
        used = (whole != 0).any(axis=-1)
        expected = (whole[..., None, :] * own[..., :-1, :]).sum(axis=(-3, -1))
        gap = (used & ~self.finite(own)).any(axis=-1)
        expected = np.where(gap[..., None], GAP, expected)
        return (payload[..., :-1] == expected).all(axis=-1)

    def guilty(self, payload, own, weights, size):
        """True where a payload does not pass."""
        return ~self.passes(payload, own, weights, size)

    def compare(self, one, other, floor=0.0):
        """0 for equal sketches, infinite for others."""
        return np.where((one == other).all(axis=(-2, -1)), 0.0, np.inf)

    def norms(self, sketches):
        """As they are said, if the sketches are not too large for that."""
        rows = sketches[..., :-1, :].astype(np.float64)
        k = rows.shape[-2]
        mean_square = ((1 << 2 * inner_bits(k)) - 1) / 3 * ((1 << 32) - 1) / 3
        seen = np.square(rows).sum(axis=-1).mean(axis=-1) / mean_square
        said = sketches[..., -1, :].sum(axis=-1).astype(np.float64)
        return np.sqrt(np.fmax(said, seen / 2.5 ** 2))

    def finite(self, sketches):
        """True without a gap, and without a norm below zero."""
        return (sketches != GAP).all(axis=(-2, -1)) & (
            sketches[..., -1, :] >= 0).all(axis=-1)

    def hidden(self, scale, off, size, k):
        """Nothing; anything where errors pass more often than `CHANCE`."""
        return np.full(np.broadcast_shapes(np.shape(scale), np.shape(off)),
                       0.0 if missed(k) <= CHANCE else np.inf)
