"""Adaptive robust clipping."""

import numpy as np

from aspis_mpi.aggregation import distances
from aspis_mpi.aggregation.preaggregation import PreAggregation
from aspis_mpi.aggregation.preaggregations.clipping import shortened


class AdaptiveClipping(PreAggregation):
    """The longest files made as long as the next one (ARC).

    Of n files, f of which may be wrong, the floor(2 (f/n) (n - f)) with the
    largest norms are scaled down to the next largest norm.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `PreAggregation`.

    References
    ----------
    Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan, "Adaptive gradient
    clipping for robust federated learning", ICLR 2025, arXiv 2405.14432,
    algorithm 2.
    """

    name = 'arc'

    def least_rows(self, wrong):
        """2f + 1."""
        return 2 * wrong + 1

    def changed(self, rows):
        """The rows, the longest shortened."""
        n, wrong = rows.n, self.wrong_of(rows.n)
        norms = distances.norms(rows)
        clipped = 2 * wrong * (n - wrong) // n
        return shortened(rows, norms, np.sort(norms)[::-1][clipped])
