"""Centered clipping: a mean in which nobody pulls far."""

import numpy as np

from aspis_mpi.aggregation.aggregators.median import Median
from aspis_mpi.aggregation.base import Aggregator
from aspis_mpi.aggregation.distances import CLOSE
from aspis_mpi.aggregation.products import TILE, differences, inner
from aspis_mpi.checks import check_finite, check_rounds


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
        The paper's L, at least 1 and at most 10,000; all of them read the
        rows twice.

    Notes
    -----
    The centre is the median plus a combination of what the files are off
    from it, so that all distances follow from the inner products of these;
    where a file comes so close to the centre that digits are lost, the
    rows are read again from there.  Every file counts alike, whatever its
    number of samples.

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
        check_rounds('iterations', iterations)
        self.radius = radius
        self.iterations = iterations
        self.start = Median(n_files, n_adversaries, worst_case)

    def least_rows(self, wrong):
        """2f + 1."""
        return 2 * wrong + 1

    def combine(self, rows, out):
        """See `Aggregator.combine`."""
        products = self._begin(rows, out)
        left = self.iterations
        while left:
            weights, done = pulled(products, self.radius, left)
            left -= done
            if weights.any():
                products = _moved(rows, out, weights, bool(left))

    def _begin(self, rows, out):
        """Inner products of the rows as seen from their median, in a pass."""
        n = rows.n
        spare = self.start.scratch_rows(n)

        def look(block, pieces, scratch):
            self.start.reduce(pieces, rows.samples, scratch, out[block])
            return inner(differences(pieces, rows.samples, out[block],
                                     scratch[:n]))

        return rows.total(look, spare, TILE)


def pulled(products, radius, iterations):
    """The next centre, as a combination of what the rows are off from this.

    Parameters
    ----------
    products : ndarray of float64, shape (n, n)
        Inner products of y, the rows less the centre v.
    radius : float
        0: the median of the distances, anew in each iteration.
    iterations : int
        At least 1.

    Returns
    -------
    ndarray of float64, shape (n,)
        w, the new centre being v + sum of w y.
    int
        Iterations that were done, at least 1: not all where a row has come
        so close to the centre that its distance has lost digits.

    Notes
    -----
    Row i is |y_i|^2 - 2 <y_i, wy> + |wy|^2 away.  Only distances above the
    radius matter, and no step is longer than it.

    Examples
    --------
    >>> pulled(np.diag([0.0, 1.0, 4.0]), 1.0, 1)[0].tolist()
    [0.3333333333333333, 0.3333333333333333, 0.16666666666666666]
    """
    n, lengths = len(products), np.diagonal(products)
    weights = np.zeros(n)
    for done in range(iterations):
        off = products @ weights
        away = lengths - 2 * off + weights @ off
        if (away < CLOSE * lengths).any():
            return weights, done
        distances = np.sqrt(away)
        reach = radius or np.median(distances)
        # Most of the files are at the centre: it stays there.
        if not reach:
            break
        shares = reach / np.maximum(distances, reach)
        weights = weights * (1 - shares.mean()) + shares / n
    return weights, iterations


def _moved(rows, centre, weights, again):
    """Move the centre; inner products as seen from there if asked for.

    All in one pass over the rows.
    """
    steps = weights.astype(np.float32)

    def look(block, pieces, scratch):
        room, pull = scratch[:-1], scratch[-1]
        tiles = differences(pieces, rows.samples, centre[block], room)
        _pull(steps, tiles, pull)
        centre[block] += pull
        if not again:
            return np.zeros(())
        return inner(differences(pieces, rows.samples, centre[block], room))

    return rows.total(look, rows.n + 1, TILE)


def _pull(steps, tiles, out):
    """The sum of the steps times the rows of tiles."""
    start = 0
    for tile in tiles:
        k, _, width = tile.shape
        np.matmul(steps, tile,
                  out=out[start:start + k * width].reshape(k, width))
        start += k * width
