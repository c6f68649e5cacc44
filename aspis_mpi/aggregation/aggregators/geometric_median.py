"""The geometric median of the files' means."""

import numpy as np

from aspis_mpi.aggregation.aggregators.median import Median
from aspis_mpi.aggregation.base import Aggregator, per_sample
from aspis_mpi.aggregation.products import squares
from aspis_mpi.checks import check_rounds

#: A distance counts as at least this share of the median distance.
SMOOTHING = 1e-6


class GeometricMedian(Aggregator):
    """Point of least summed distance to the files' means.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.
    iterations : int
        Steps of Weiszfeld's algorithm from the coordinate-wise median, at
        most 10,000; each reads all rows once.

    Notes
    -----
    Step t moves to the mean with weights 1 / max(distance, nu), nu a small
    share of the median distance.  The starting point is robust: from the
    mean, a row of norm 1e30 would need some hundred steps to be forgotten.
    Squared distances are summed over the blocks in float64, which holds the
    squares of all float32 numbers.  Every file counts alike, whatever its
    number of samples.

    References
    ----------
    Pillutla, Kakade, Harchaoui, "Robust aggregation for federated
    learning", IEEE Trans. Signal Processing 70, 2022, algorithm 2 (with nu
    absolute and weights by samples).
    """

    name = 'geometric-median'

    def __init__(self, n_files, n_adversaries, worst_case, *,
                 iterations: int = 8):
        super().__init__(n_files, n_adversaries, worst_case)
        check_rounds('iterations', iterations)
        self.iterations = iterations
        self.start = Median(n_files, n_adversaries, worst_case)

    def combine(self, rows, out):
        """See `Aggregator.combine`."""
        self.start.combine(rows, out)
        distances = _distances(rows, out)
        for _ in range(self.iterations):
            distances = _distances(rows, out,
                                   weights(distances).astype(np.float32))


def weights(distances):
    """Weights of one step of Weiszfeld's algorithm, summing to 1.

    >>> weights(np.array([1.0, 1.0, 2.0])).tolist()
    [0.4, 0.4, 0.2]
    """
    least = SMOOTHING * np.median(distances)
    # More than half of the rows stand at the point: it is the solution.
    if least == 0:
        inverse = (distances == 0).astype(float)
    else:
        inverse = 1 / np.maximum(distances, least)
    return inverse / inverse.sum()


def _distances(rows, point, weights=None):
    """Distances of the files' means to the point, in one pass.

    With weights, each block of the point is first moved to the weighted
    mean of the block.
    """
    def look(block, pieces, means):
        per_sample(pieces, rows.samples, means)
        if weights is not None:
            np.einsum('i,ij->j', weights, means, out=point[block])
        np.subtract(means, point[block], out=means)
        return squares(means)

    return np.sqrt(np.sum(rows.walk(look, rows.n), axis=0))
