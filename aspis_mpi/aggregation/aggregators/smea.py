"""Smallest maximum eigenvalue averaging."""

from itertools import combinations, islice
from math import comb

import numpy as np

from aspis_mpi.aggregation.weighing import Weighing, evenly

#: Sets times the cube of their size, which take some ten seconds at most.
MOST_WORK = 1_000_000_000
#: Sets that are looked at together, and of how many the eigenvalues.
AT_ONCE, FEW = 4096, 64


class SmallestMaximumEigenvalue(Weighing):
    """Mean of the n - f files whose covariance has the least norm (SMEA).

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.

    Notes
    -----
    f are the files that may be wrong, less than half of those that came.
    All sets of n - f files are looked at, so that there must not be too
    many; of equal ones the first in lexicographic order is taken.  The
    covariance of a set has the eigenvalues of its centred distances, a
    small matrix, and of most sets a bound below is enough: the sum of their
    squares over their sum.

    References
    ----------
    Allouah, Guerraoui, Gupta, Pinot, Stephan, "On the privacy-robustness-
    utility trilemma in distributed learning", ICML 2023, section 4.
    """

    name = 'smea'

    def check(self):
        """See `Aggregator.check`; the sets must not be too many, besides."""
        super().check()
        wrong = max(self.worst_case, 0)
        size = self.n_files - wrong
        sets = comb(self.n_files, wrong)
        if sets * size ** 3 > MOST_WORK:
            raise ValueError(
                f"'smea' looks at all {sets} sets of {size} among "
                f'{self.n_files} rows; sets times size^3 must be at most '
                f"{MOST_WORK:g}: use 'caf', or assume fewer adversaries")

    def least_rows(self, wrong):
        """2f + 1."""
        return 2 * wrong + 1

    def weights(self, squared):
        """Evenly to the set of the least largest eigenvalue."""
        n = len(squared)
        return evenly(calmest(squared, n - self.wrong_of(n)), n)


def calmest(squared, size):
    """The set of rows whose covariance has the least largest eigenvalue.

    Parameters
    ----------
    squared : ndarray of float64, shape (n, n)
        Squared distances.
    size : int

    Returns
    -------
    ndarray of int, shape (size,)
    """
    sets = combinations(range(len(squared)), size)
    best, least = np.arange(size), np.inf
    while some := list(islice(sets, AT_ONCE)):
        some = np.array(some)
        some = some[_bounds(squared, some) < least]
        for few in np.array_split(some, range(FEW, len(some), FEW)):
            found = _largest(squared, few)
            if found.size and found.min() < least:
                best, least = few[found.argmin()], found.min()
    return best


def _bounds(squared, sets):
    """A bound below the largest eigenvalue of each set, times size.

    C = -H D H / 2 with H = I - 11'/m has the trace sum(D)/2m and the square
    (|D|^2 - 2 |D1|^2 / m + (1'D1)^2 / m^2) / 4 of its Frobenius norm.
    """
    m = sets.shape[1]
    marked = np.zeros((len(sets), len(squared)))
    np.put_along_axis(marked, sets, 1, axis=1)
    sums = np.where(marked, marked @ squared, 0)
    total = sums.sum(axis=1)
    norms = (np.einsum('si,si->s', marked @ np.square(squared), marked)
             - 2 * np.square(sums).sum(axis=1) / m + np.square(total / m)) / 4
    with np.errstate(invalid='ignore', divide='ignore'):
        bounds = norms / (total / (2 * m))
    # What rounding may have added; equal rows have no eigenvalue at all.
    return np.where(total > 0, bounds * (1 - 1e-9), 0)


def _largest(squared, sets):
    """The largest eigenvalue of each set's covariance, times size."""
    some = squared[sets[:, :, np.newaxis], sets[:, np.newaxis]]
    means = some.mean(axis=1, keepdims=True)
    centred = (means + means.transpose(0, 2, 1) - some
               - means.mean(axis=2, keepdims=True)) / 2
    return np.linalg.eigvalsh(centred)[:, -1]
