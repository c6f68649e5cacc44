"""Centered clipping: a mean in which nobody pulls far."""

import numpy as np

from aspis_mpi.aggregation.aggregators.median import Median
from aspis_mpi.aggregation.base import Aggregator, per_sample
from aspis_mpi.aggregation.distances import squares
from aspis_mpi.checks import check_finite


class CenteredClipping(Aggregator):
    """Mean of the files, each pulled to within `radius` of a centre.

    The centre v begins at the coordinate-wise median and becomes v + the
    mean of (x - v) min(1, radius / |x - v|) over the files' means x.  The
    paper begins where the last step ended; a step here does not depend on
    those before it.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.
    radius : float
        The paper's tau, above 0.  0: anew in each iteration the median of
        the files' distances from the centre.
    iterations : int
        The paper's L, at least 1; each reads all rows once.

    Notes
    -----
    Squared distances are summed over the blocks in float64.  Every file
    counts alike, whatever its number of samples.

    References
    ----------
    Karimireddy, He, Jaggi, "Learning from history for Byzantine robust
    optimization", ICML 2021, equation 6.
    """

    name = 'centered-clipping'

    def __init__(self, n_files, n_adversaries, worst_case, *,
                 radius: float = 0.0, iterations: int = 3):
        super().__init__(n_files, n_adversaries, worst_case)
        check_finite('radius', radius, least=0)
        if iterations < 1:
            raise ValueError(f'iterations {iterations} must be at least 1')
        self.radius = radius
        self.iterations = iterations
        self.start = Median(n_files, n_adversaries, worst_case)

    def least_rows(self, wrong):
        """2f + 1."""
        return 2 * wrong + 1

    def combine(self, rows, out):
        """See `Aggregator.combine`."""
        self.start.combine(rows, out)
        distances = np.sqrt(_moved(rows, out))
        for _ in range(self.iterations):
            radius = self.radius or np.median(distances)
            # Most of the files are at the centre: it stays there.
            if not radius:
                return
            shares = radius / np.maximum(distances, radius)
            distances = np.sqrt(_moved(rows, out, shares))


def _moved(rows, centre, shares=None):
    """Squared distances of the files' means to the centre, in one pass.

    With shares, each block of the centre is first moved by the mean of
    (x - v) times the share of x.
    """
    steps = None if shares is None else (shares / rows.n).astype(np.float32)

    def look(block, pieces, scratch):
        means, pull = scratch[:-1], scratch[-1]
        per_sample(pieces, rows.samples, means)
        np.subtract(means, centre[block], out=means)
        if steps is not None:
            np.dot(steps, means, out=pull)
            centre[block] += pull
            np.subtract(means, pull, out=means)
        return squares(means)

    return np.sum(rows.walk(look, rows.n + 1), axis=0)
