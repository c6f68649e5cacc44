"""Multi-Krum: the mean of the files that are closest to their neighbours."""

import numpy as np

from aspis_mpi.aggregation.aggregators.krum import Krum
from aspis_mpi.aggregation.weighing import evenly


class MultiKrum(Krum):
    """Mean of the files that are closest to their neighbours.

    The scores are those of `krum`; of equal ones the first files are
    picked.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.
    neighbours : int
        Neighbours that count.  0: n - f - 2 of the n files that came, at
        least 1 (others count n - f - 1).
    picks : int
        m, the files of which the mean is taken.  0: n - f - 2, at least 1
        (others take n - f).

    References
    ----------
    Blanchard, El Mhamdi, Guerraoui, Stainer, "Machine learning with
    adversaries: Byzantine tolerant gradient descent", NeurIPS 2017.
    """

    name = 'multi-krum'

    def __init__(self, n_files, n_adversaries, worst_case, *,
                 neighbours: int = 0, picks: int = 0):
        super().__init__(n_files, n_adversaries, worst_case,
                         neighbours=neighbours)
        if not 0 <= picks <= n_files:
            raise ValueError(f'picks {picks} must be between 1 and the '
                             f'number of files, {n_files}, or 0')
        self.picks = picks

    def weights(self, squared):
        """Evenly to the rows of the least scores."""
        n = len(squared)
        count = self.picks or n - self.wrong_of(n) - 2
        best = np.argsort(self.scores(squared), kind='stable')
        return evenly(best[:min(max(count, 1), n)], n)
