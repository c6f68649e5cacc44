"""Squared distances between rows, by products of matrices.

|x - y|^2 = |x|^2 + |y|^2 - 2<x, y> costs one product of matrices for all
pairs, but it cancels where x and y are much closer to each other than to the
origin.  So the origin is laid where it does no harm: on a row amid the
others, and for those pairs that are still too close, on one of the two.
"""

import numpy as np

from aspis_mpi.aggregation.blocks import per_sample

#: Sums of squares up to this are taken again in float64.
UNDERFLOW = 1e-30
#: Share of a row's squared distance to the origin below which that to
#: another row has lost digits that matter: float32 leaves about six.
CLOSE = 1e-3
#: Columns that are multiplied in float64 at a time.
TILE = 1 << 12


def squared(rows):
    """Squared distances between all means.

    Parameters
    ----------
    rows : Rows
        n of them, of d entries.

    Returns
    -------
    ndarray of float64, shape (n, n)
        Symmetric, its diagonal 0; equal rows have the distance 0.

    Notes
    -----
    The relative error is about 1e-3 at most, usually 1e-6.  O(n^2 d); the
    rows are read once, and once more in part for each group of rows that
    are close to each other and far from all others.
    """
    n = rows.n
    everyone = np.arange(n)
    found, doubtful = _around(rows, _amid(rows), everyone)
    while doubtful.any():
        # All pairs of this row are settled: it becomes the origin.
        centre = int(doubtful.sum(axis=1).argmax())
        group = np.flatnonzero(doubtful[centre] | (everyone == centre))
        inner, close = _around(rows, centre, group)
        pairs = np.ix_(group, group)
        again = doubtful[pairs]
        found[pairs] = np.where(again, inner, found[pairs])
        doubtful[pairs] = again & close
    return found


def squared_from(rows, centre):
    """Squared distances of all means from that of one row, float64 (n,)."""
    def look(block, pieces, means):
        per_sample(pieces, rows.samples, means)
        for i, row in enumerate(means):
            if i != centre:
                np.subtract(row, means[centre], out=row)
        means[centre] = 0
        return squares(means)

    return rows.total(look, rows.n)


def norms(rows):
    """Euclidean norms of all means, float64 (n,)."""
    def look(block, pieces, scratch):
        return squares(pieces)

    return np.sqrt(rows.total(look, 0)) / rows.samples


def squares(x):
    """Sum of squares of each row, in float64 where float32 cannot hold it.

    A float32 sum above `UNDERFLOW` misses nothing that matters: squares
    that vanish are below 1e-45.
    """
    if isinstance(x, np.ndarray):
        sums = np.einsum('ij,ij->i', x, x).astype(np.float64)
    else:
        sums = np.array([row.dot(row) for row in x], dtype=np.float64)
    for i in np.flatnonzero(_unheld(sums)):
        row = x[i].astype(np.float64)
        sums[i] = np.square(row, out=row).sum()
    return sums


def nearest(squared_, count):
    """Sum of the `count` smallest distances of each row to others.

    Parameters
    ----------
    squared_ : ndarray of float64, shape (n, n)
    count : int
        Less than n.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    others = squared_ + np.diag(np.full(len(squared_), np.inf))
    return np.sort(others, axis=1)[:, :count].sum(axis=1)


def _amid(rows):
    """A row that is near most others, as far as a sample shows."""
    some = rows.sample()
    lengths = np.square(some).sum(axis=1)
    apart = lengths[:, np.newaxis] + lengths - 2 * some @ some.T
    return int(np.median(apart, axis=1).argmin())


def _around(rows, centre, chosen):
    """Squared distances between chosen rows, one of them the origin.

    Parameters
    ----------
    rows : Rows
    centre : int
    chosen : ndarray of int, shape (m,)
        Ascending; with the centre.

    Returns
    -------
    ndarray of float64, shape (m, m)
    ndarray of bool, shape (m, m)
        Where two rows are too close to each other, as seen from there.
    """
    counts, origin = rows.samples[chosen], np.searchsorted(chosen, centre)

    def look(block, pieces, scratch):
        means, middle = scratch[:-1], scratch[-1]
        per_sample([pieces[i] for i in chosen], counts, means)
        np.copyto(middle, means[origin])
        np.subtract(means, middle, out=means)
        return _products(means)

    inner = rows.total(look, len(chosen) + 1)
    lengths = np.diagonal(inner)
    apart = lengths[:, np.newaxis] + lengths - inner - inner.T
    close = apart < CLOSE * np.maximum(lengths[:, np.newaxis], lengths)
    # From the origin itself there is nothing to cancel.
    close[origin] = close[:, origin] = False
    np.fill_diagonal(close, False)
    np.fill_diagonal(apart, 0)
    return np.maximum(apart, 0), close


def _products(x):
    """Inner products of all rows, in float64 where float32 fails, (n, n)."""
    products = np.dot(x, x.T).astype(np.float64)
    odd = np.flatnonzero(_unheld(np.diagonal(products)))
    if not any(x[i].any() for i in odd):
        return products
    products.fill(0)
    for start in range(0, x.shape[1], TILE):
        tile = x[:, start:start + TILE].astype(np.float64)
        products += np.dot(tile, tile.T)
    return products


def _unheld(sums):
    """True where a sum of squares in float32 has under- or overflowed."""
    return ~((sums > UNDERFLOW) & (sums < np.inf))
