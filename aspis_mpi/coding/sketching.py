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

import numpy as np

from aspis_mpi.arrays import blocks
from aspis_mpi.coding.combine import payload_size
from aspis_mpi.streams import raw_words

#: Coordinates a block and gradients at a time: with both, a megabyte in use.
BLOCK, GROUP = 1 << 13, 8
#: Root mean square of v + 1/2, v uniform on -32768, ..., 32767.
RMS = math.sqrt((2 ** 32 - 1) / 12)


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
    if k < 1:
        raise ValueError(f'sketches {k} must be at least 1')
    words, n = -(-k // 4), coordinates.stop - coordinates.start
    raw = raw_words(secret, coordinates.start * words, n * words)
    integers = raw.astype('<u8', copy=False).view('<i2').reshape(n, 4 * words)
    entries = integers[:, :k].astype(np.float64)
    entries += 0.5
    return entries


def sketch(gradients, copies, secret, k=8):
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
    Products and sums are float64; the error of a sketch is some
    1e-16 sqrt(d) |g|, 1e-12 |g| for 10^8 numbers.  A matrix product of the
    linear algebra library does the work, so the last bits may depend on the
    machine, on threads and on the other gradients of the call: compare with
    a tolerance of 1e-9.  For integers that stay below 2^53 when summed they
    are exact.

    Each number is read once, for 1 to 1.5 ns where gradients come from
    memory, and V is made once, for 10 ns a coordinate; no temporary is
    larger than a megabyte.
    """
    gradients = list(gradients)
    if copies < 1:
        raise ValueError(f'copies {copies} must be at least 1')
    size = payload_size(_common_size(gradients), copies)
    parts = [gradient[p * size:(p + 1) * size]
             for p in range(copies) for gradient in gradients]
    sums = np.zeros((len(parts), k + 1))
    spare = np.empty((GROUP, min(size, BLOCK)))
    with np.errstate(over='ignore', invalid='ignore'):
        for s in blocks(size, BLOCK):
            entries = matrix(secret, k, s)
            for first in range(0, len(parts), GROUP):
                group = slice(first, first + GROUP)
                _add_block(sums[group], parts[group], s, entries, spare)
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


def _add_block(sums, parts, s, entries, spare):
    """Add one block to the sums V g and |g|^2 of some parts."""
    rows = spare[:len(parts), :len(entries)]
    for row, part in zip(rows, parts):
        piece = part[s]
        row[:piece.size], row[piece.size:] = piece, 0
    sums[:, :-1] += rows @ entries
    sums[:, -1] += [row.dot(row) for row in rows]
