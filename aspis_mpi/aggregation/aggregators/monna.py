"""MoNNA: the mean of the nearest neighbours of one file."""

import numpy as np

from aspis_mpi.aggregation.base import Aggregator
from aspis_mpi.aggregation.distances import squared_from
from aspis_mpi.aggregation.weighing import evenly


class NearestNeighbours(Aggregator):
    """Mean of one trusted file and of those nearest to it, n - f in all.

    The rule of peers that know their own gradient to be right.  Here it is
    that of a row which must be right: as little as the mean does it bear
    that one to be wrong.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.
    pivot : int
        Number of the row that is trusted, among those that came in a step;
        the last where fewer come.

    Notes
    -----
    f are the files that may be wrong, less than half of those that came;
    of files as near as each other the first count, and every file counts
    alike, whatever its number of samples.

    References
    ----------
    Farhadkhani, Guerraoui, Gupta, Hoang, Pinot, Stephan, "Robust
    collaborative learning with linear gradient overhead", ICML 2023.
    """

    name = 'monna'

    def __init__(self, n_files, n_adversaries, worst_case, *, pivot: int = 0):
        super().__init__(n_files, n_adversaries, worst_case)
        if not 0 <= pivot < n_files:
            raise ValueError(f'pivot {pivot} must be between 0 and '
                             f'{n_files - 1}, below the number of files')
        self.pivot = pivot

    def least_rows(self, wrong):
        """2f + 1."""
        return 2 * wrong + 1

    def combine(self, rows, out):
        """See `Aggregator.combine`."""
        pivot = min(self.pivot, rows.n - 1)
        away = squared_from(rows, pivot)
        # Not even an equal row comes before the pivot.
        away[pivot] = -1
        order = np.argsort(away, kind='stable')
        rows.combined(evenly(order[:rows.n - self.wrong_of(rows.n)], rows.n),
                      out)
