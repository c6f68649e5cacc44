"""Means of columns without their extreme entries.

Few rows: a sorting network of vectors, Batcher's merge exchange, of which
only the comparators are kept that the answer depends on; each comparator is
one vector minimum and one maximum.  Many rows: small tiles are transposed
and sorted.
"""

from functools import cache

import numpy as np

from aspis_mpi.aggregation.blocks import add_up

#: Up to so many rows the network is faster (measured: equal at 45).
NETWORK_ROWS = 40
#: Columns that are transposed and sorted together.
TILE = 128
#: Vectors that `around_median` needs besides the values.
SPARE = 3


def trimmed_mean(values, trim, spare, out):
    """Mean of each column without its `trim` smallest and largest entries.

    With `trim` = (n-1)//2 this is the median.  Entries are selected, never
    subtracted: what is left out has no influence, whatever its size.

    Parameters
    ----------
    values : ndarray of float32, shape (n, b)
        No NaN; overwritten.
    trim : int
        At least 0, less than n/2.
    spare : ndarray of float32, shape (b,)
        Overwritten.
    out : ndarray of float32, shape (b,)

    Notes
    -----
    O(n log^2 n) vector operations by network, O(b n log n) by sorting.
    """
    n = len(values)
    if trim and n > NETWORK_ROWS:
        return _by_sorting(values, trim, out)
    rows = list(values)
    for i, j, want_least, want_largest in network(n, trim):
        a, b = rows[i], rows[j]
        if want_least and want_largest:
            np.minimum(a, b, out=spare)
            np.maximum(a, b, out=b)
            rows[i], spare = spare, a
        elif want_least:
            np.minimum(a, b, out=a)
        else:
            np.maximum(a, b, out=b)
    add_up(rows[trim:n - trim], out)
    return np.divide(out, np.float32(n - 2 * trim), out=out)


def _by_sorting(values, trim, out):
    n, width = values.shape
    tile = np.empty((TILE, n), dtype=np.float32)
    for start in range(0, width, TILE):
        columns = tile[:min(TILE, width - start)]
        np.copyto(columns, values[:, start:start + TILE].T)
        columns.sort(axis=1)
        columns[:, trim:n - trim].mean(axis=1, out=out[start:start + TILE])
    return out


def around_median(values, keep, spare, out):
    """Mean of the `keep` entries of each column closest to its median.

    The median of an even number is between the two in the middle.  Of two
    entries as close to it the smaller counts.  Entries are selected; what is
    left out has no influence, whatever its size.

    Parameters
    ----------
    values : ndarray of float32, shape (n, b)
        No NaN; overwritten.
    keep : int
        From 1 to n.
    spare : ndarray of float32, shape (SPARE, b)
        Overwritten.
    out : ndarray of float32, shape (b,)

    Notes
    -----
    The closest are consecutive in sorted order.  From the first `keep` the
    set moves up by one, j by j+keep, for as long as the new one is closer;
    the entry that j+keep replaces is always j, since once it is not closer
    no later one is.
    """
    n = len(values)
    rows, above = _in_order(values, spare[0])
    middle, below = spare[1:]
    np.multiply(rows[(n - 1) // 2], np.float32(0.5), out=middle)
    np.multiply(rows[n // 2], np.float32(0.5), out=below)
    np.add(middle, below, out=middle)
    for j in range(n - keep):
        low, high = rows[j % keep], rows[j + keep]
        np.subtract(high, middle, out=above)
        np.subtract(middle, low, out=below)
        np.copyto(low, high, where=above < below)
    add_up(rows[:keep], out)
    return np.divide(out, np.float32(keep), out=out)


def _in_order(values, spare):
    """Vectors that hold each column in ascending order, and a free one."""
    n, width = values.shape
    rows = list(values)
    if n <= NETWORK_ROWS:
        for i, j in _comparators(n):
            a, b = rows[i], rows[j]
            np.minimum(a, b, out=spare)
            np.maximum(a, b, out=b)
            rows[i], spare = spare, a
        return rows, spare
    tile = np.empty((TILE, n), dtype=np.float32)
    for start in range(0, width, TILE):
        part = values[:, start:start + TILE]
        columns = tile[:part.shape[1]]
        np.copyto(columns, part.T)
        columns.sort(axis=1)
        np.copyto(part, columns.T)
    return rows, spare


@cache
def _comparators(n):
    """Pairs of wires, in the order of use, that sort n values."""
    return list(_merge_exchange(n))


@cache
def network(n, trim):
    """Comparators that separate the middle of n from both its ends.

    Returns
    -------
    list of (int, int, bool, bool)
        Wires i < j, in the order of use: i gets the smaller value, j the
        larger; the flags say which of the two is used afterwards.
        At the end wires trim ... n-trim-1 hold the middle, in any order.

    >>> network(3, 1)
    [(0, 2, True, True), (0, 1, False, True), (1, 2, True, False)]
    """
    # Backwards: a comparator at the end of both its wires that would only
    # exchange two kept values, or two dropped ones, changes nothing.
    kept = set(range(trim, n - trim))
    read, chosen = set(), []
    for i, j in reversed(list(_merge_exchange(n))):
        if not read & {i, j} and (i in kept) == (j in kept):
            continue
        chosen.append((i, j, i in read or i in kept, j in read or j in kept))
        read |= {i, j}
    return chosen[::-1]


def _merge_exchange(n):
    """Comparators that sort n values: Knuth, TAOCP 3, algorithm 5.2.2M."""
    top = 1 << max(n - 1, 0).bit_length() >> 1
    p = top
    while p:
        q, r, d = top, 0, p
        while d:
            yield from ((i, i + d) for i in range(n - d) if i & p == r)
            d, q, r = q - p, q >> 1, p
        p >>= 1
