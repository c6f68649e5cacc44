"""Bulyan: a mean around the median of what Krum picks."""

import numpy as np

from aspis_mpi.aggregation import distances
from aspis_mpi.aggregation.base import Aggregator, per_sample
from aspis_mpi.aggregation.selection import SPARE, around_median


class Bulyan(Aggregator):
    """Mean of the entries closest to the median of what Krum picks.

    Of n files f of which may be wrong, Krum picks one after the other,
    n - 2f in all; a picked file is removed and the others are scored anew.
    Then each coordinate is the mean of the n - 4f entries of the picked
    files that are closest to their median.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.

    Notes
    -----
    It asks for at least 4f + 3 files.  Where fewer come f counts as the
    most that they allow.  Among m files left Krum counts m - f - 2
    neighbours, at least 1; of equal scores the first wins.  The median of
    an even number is between the two in the middle; of two entries as close
    to it the smaller counts.  Every file counts alike, whatever its number
    of samples.

    References
    ----------
    El Mhamdi, Guerraoui, Rouault, "The hidden vulnerability of distributed
    learning in Byzantium", ICML 2018, section 4.
    """

    name = 'bulyan'

    def least_rows(self, wrong):
        """4f + 3."""
        return 4 * wrong + 3

    def wrong_of(self, n):
        """At most (n - 3) / 4."""
        return min(max(self.worst_case, 0), max((n - 3) // 4, 0))

    def combine(self, rows, out):
        """See `Aggregator.combine`."""
        wrong, chosen = self.wrong_of(rows.n), np.arange(rows.n)
        if wrong:
            chosen = picked(distances.squared(rows), wrong,
                            rows.n - 2 * wrong)
        counts, m = rows.samples[chosen], len(chosen)

        def look(block, pieces, scratch):
            per_sample([pieces[i] for i in chosen], counts, scratch[:m])
            around_median(scratch[:m], m - 2 * wrong, scratch[m:], out[block])

        rows.walk(look, m + SPARE)


def picked(squared, wrong, count):
    """Rows that Krum picks one after the other, ascending.

    Parameters
    ----------
    squared : ndarray of float64, shape (n, n)
        Squared distances.
    wrong, count : int

    Returns
    -------
    ndarray of int, shape (count,)

    Notes
    -----
    O(n^2) a pick, after sorting once.
    """
    n = len(squared)
    away = squared + np.diag(np.full(n, np.inf))
    order = np.argsort(away, axis=1, kind='stable')[:, :-1]
    away = np.take_along_axis(away, order, axis=1)
    left = np.ones(n, dtype=bool)
    for size in range(n, n - count, -1):
        there = left[order]
        near = there & (there.cumsum(axis=1) <= max(size - wrong - 2, 1))
        scores = np.where(left, np.where(near, away, 0).sum(axis=1), np.inf)
        left[scores.argmin()] = False
    return np.flatnonzero(~left)
