"""Krum: the file that is closest to its neighbours."""

import numpy as np

from aspis_mpi.aggregation import distances
from aspis_mpi.aggregation.weighing import Weighing, evenly


class Krum(Weighing):
    """Mean gradient of the one file that is closest to its neighbours.

    The score of a file is the sum of its squared distances to its nearest
    neighbours; the least wins, of equal ones the first.  With f files that
    may be wrong the paper asks for at least 2f + 3 files.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.
    neighbours : int
        Neighbours that count.  0: n - f - 2 of the n files that came, at
        least 1 (others count n - f - 1).

    References
    ----------
    Blanchard, El Mhamdi, Guerraoui, Stainer, "Machine learning with
    adversaries: Byzantine tolerant gradient descent", NeurIPS 2017.
    """

    name = 'krum'

    def __init__(self, n_files, n_adversaries, worst_case, *,
                 neighbours: int = 0):
        super().__init__(n_files, n_adversaries, worst_case)
        if not 0 <= neighbours < max(n_files, 2):
            raise ValueError(f'neighbours {neighbours} must be between 1 and '
                             f'{n_files - 1}, the other files, or 0')
        self.neighbours = neighbours

    def least_rows(self, wrong):
        """2f + 3."""
        return 2 * wrong + 3

    def scores(self, squared):
        """The score of each row, float64 (n,)."""
        n = len(squared)
        count = self.neighbours or n - self.wrong_of(n) - 2
        return distances.nearest(squared, min(max(count, 1), n - 1))

    def weights(self, squared):
        """All of it to the row of the least score."""
        return evenly([int(np.argmin(self.scores(squared)))], len(squared))
