"""Weighted sums of long vectors: what a worker sends, what the server adds.

Products and sums are float64, block by block, in the order of the rows, and
each result is rounded once; the bits depend on no library's threads.  A
weight of zero means that a row is not read; what is not finite in a row
that is read shows in the result, without a warning.
"""

import math

import numpy as np

from aspis_mpi.arrays import blocks


def payload_size(d, copies):
    """Numbers in a coded vector: d cut into `copies` equal parts.

    >>> payload_size(10, 3)
    4
    """
    return -(-d // copies)


def encode(gradients, weights, out):
    """The vector of a worker: y = sum_i sum_k weights[i, k] * part_k(g_i).

    Parameters
    ----------
    gradients : sequence of ndarray of float32, shape (d,)
        The sums over the samples of n files.
    weights : ndarray of float64, shape (n, copies)
    out : ndarray of float32, shape (payload_size(d, copies),)
        Receives y; the last part of a gradient counts as padded by zeros.

    Raises
    ------
    ValueError
        Shapes that do not fit.

    Notes
    -----
    Every gradient is read once.  Two blocks of float64 are the only
    temporaries.  Equal weights are taken out of the sum, for the sake of
    speed and of whole numbers.
    """
    weights, size = np.asarray(weights), out.size
    d = gradients[0].size if len(gradients) else 0
    _check_rows(gradients, d, weights.shape[:1])
    if d and payload_size(d, weights.shape[1]) != size:
        raise ValueError(f'{weights.shape[1]} parts of {d} entries do not '
                         f'fit a payload of {size}')
    if weights.size == 1 and weights[0, 0] == 1:
        # The same bits: a sum has no negative zero.
        with np.errstate(invalid='ignore'):
            np.add(gradients[0], 0, out=out)
        return
    factors, common = _without_common_factor(weights)
    with np.errstate(over='ignore', invalid='ignore'):
        for s, (total, spare) in _scratch(size, 2):
            for gradient, row in zip(gradients, factors):
                for k, factor in enumerate(row):
                    part = gradient[k * size:][s][:max(d - k * size, 0)]
                    _add_multiple(total, part, factor, spare)
            if common != 1:
                np.multiply(total, common, out=total)
            out[s] = total


def decode(payloads, weights, out, divisor):
    """The server's sum: part_k(out) = sum_j weights[k, j] y_j / divisor.

    Parameters
    ----------
    payloads : sequence of ndarray of float32, shape (ceil(d/copies),)
        The coded vectors of n workers.
    weights : ndarray of float64, shape (copies, n)
    out : ndarray of float32, shape (d,)
    divisor : float
        Above 0; the number of samples that the sum stands for.

    Raises
    ------
    ValueError
        Shapes that do not fit, or a divisor that is not above 0.
    """
    weights = np.asarray(weights)
    copies, size = len(weights), payload_size(out.size, len(weights))
    _check_rows(payloads, size, weights.shape[1:])
    if not 0 < divisor < math.inf:
        raise ValueError(f'divisor {divisor} must be above 0 and finite')
    with np.errstate(over='ignore', invalid='ignore'):
        for s, (*totals, spare) in _scratch(size, copies + 1):
            for payload, column in zip(payloads, weights.T):
                for total, factor in zip(totals, column):
                    _add_multiple(total, payload[s], factor, spare)
            for k, total in enumerate(totals):
                part = out[k * size:(k + 1) * size][s]
                np.divide(total, divisor, out=total)
                part[:] = total[:part.size]


class Total:
    """A sum of long vectors, one after the other, with the bits of `encode`.

    Parameters
    ----------
    size : int
        d.

    Notes
    -----
    It has d numbers of float64, where `encode` needs all vectors at once.
    """

    def __init__(self, size):
        self._sum = np.zeros(size)
        self._empty = True

    def add(self, values):
        """One more vector, float32 (d,)."""
        self._empty = False
        with np.errstate(over='ignore', invalid='ignore'):
            np.add(self._sum, values, out=self._sum)

    def clear(self):
        """Begin anew; for nothing where nothing was added."""
        if not self._empty:
            self._sum.fill(0)
            self._empty = True

    def write(self, out):
        """The sum, each number rounded once, into float32 (d,)."""
        with np.errstate(over='ignore', invalid='ignore'):
            out[:] = self._sum


def _check_rows(rows, size, expected):
    if (len(rows),) != expected:
        raise ValueError(f'weights of {expected[0]} rows do not fit '
                         f'{len(rows)} rows')
    for row in rows:
        if row.shape != (size,):
            raise ValueError(f'a row of shape {row.shape} does not fit rows '
                             f'of {size} entries')


def _without_common_factor(weights):
    """Weights over their common value, and that; else themselves and 1."""
    if not weights.size or (weights != weights.flat[0]).any():
        return weights, 1.0
    common = float(weights.flat[0])
    if common in (0, 1):
        return weights, common
    return np.ones_like(weights), common


def _scratch(size, n):
    """Blocks of `range(size)`, each with n float64 vectors, zero but one."""
    parts = blocks(size)
    memory = np.empty((n, parts[0].stop if parts else 0))
    for s in parts:
        vectors = memory[:, :s.stop - s.start]
        vectors[:-1] = 0
        yield s, vectors


def _add_multiple(total, part, factor, spare):
    """total += factor * part, on as many entries as the part has."""
    if factor == 0:
        return
    total, spare = total[:part.size], spare[:part.size]
    if factor != 1:
        part = np.multiply(part, factor, out=spare)
    np.add(total, part, out=total)
