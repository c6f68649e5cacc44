"""Squared distances between rows, by products of matrices.

|x - y|^2 = |x|^2 + |y|^2 - 2<x, y> costs one product of matrices for all
pairs, but it cancels where x and y are much closer to each other than to the
origin.  So the origin is laid where it does no harm: on a row amid the
others, and for those pairs that are still too close, on one of the two.
"""

import numpy as np

from aspis_mpi.aggregation.blocks import alike, per_sample
from aspis_mpi.aggregation.products import (
    TILE, differences, inner, squares)

#: Share of a row's squared distance to the origin below which that to
#: another row has lost digits that matter: float32 leaves about six.
CLOSE = 1e-3
#: Coordinates by which a row amid the others is found; each costs a line of
#: the cache for each row.
AMID = 1 << 8


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
        nearer, close = _around(rows, centre, group)
        pairs = np.ix_(group, group)
        again = doubtful[pairs]
        found[pairs] = np.where(again, nearer, found[pairs])
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
    some = rows.sample(AMID)
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
    # Of sums over as many samples it is enough to divide the distances.
    scale = alike(counts)
    divisors = (np.ones_like(counts) if scale else counts).tolist()

    def look(block, pieces, scratch):
        some = [pieces[i] for i in chosen]
        middle = some[origin]
        if not scale:
            middle = np.divide(middle, np.float32(divisors[origin]),
                               out=scratch[-1])
        return inner(differences(some, divisors, middle, scratch[:-1]))

    products = rows.total(look, len(chosen) + 1, TILE) / max(scale, 1) ** 2
    lengths = np.diagonal(products)
    apart = lengths[:, np.newaxis] + lengths - 2 * products
    close = apart < CLOSE * np.maximum(lengths[:, np.newaxis], lengths)
    # From the origin itself there is nothing to cancel.
    close[origin] = close[:, origin] = False
    np.fill_diagonal(close, False)
    np.fill_diagonal(apart, 0)
    return np.maximum(apart, 0), close
