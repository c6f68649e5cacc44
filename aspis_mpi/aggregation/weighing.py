"""The base of rules that only weigh the files, by the distances of them."""

import numpy as np

from aspis_mpi.aggregation import distances
from aspis_mpi.aggregation.base import Aggregator


class Weighing(Aggregator):
    """A weighted mean of the files' means, weights from their distances.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.

    Notes
    -----
    Every file counts alike, whatever its number of samples.  All rows are
    read once for the distances, those with a weight once more.
    """

    def combine(self, rows, out):
        """See `Aggregator.combine`."""
        weights = np.ones(1)
        if rows.n > 1:
            weights = self.weights(distances.squared(rows))
        rows.combined(weights, out)

    def weights(self, squared):
        """The weights of n rows.

        Parameters
        ----------
        squared : ndarray of float64, shape (n, n)
            Squared distances between the rows, n at least 2.

        Returns
        -------
        ndarray of float64, shape (n,)
            At least 0, summing to 1.
        """
        raise NotImplementedError


def evenly(chosen, n):
    """Equal weights of some of n rows, and none of the others.

    >>> evenly([0, 2], 3).tolist()
    [0.5, 0.0, 0.5]
    """
    weights = np.zeros(n)
    weights[chosen] = 1 / len(chosen)
    return weights
