"""The covariance-bound agnostic filter."""

import numpy as np

from aspis_mpi.aggregation.weighing import Weighing


class CovarianceFilter(Weighing):
    """Weighted mean of the files where these vary least (CAF).

    All files begin with the weight 1.  In each round those lose weight that
    are far off along the direction in which the files, as weighed, vary
    most: a file at the distance t along it keeps the share 1 - (t/T)^2, T
    the largest distance.  It ends when the weights sum to n - 2f or less;
    the mean of the round with the least variance wins.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.

    Notes
    -----
    f are the files that may be wrong, less than half of those that came.
    The direction is a combination of the files, an eigenvector of a small
    matrix that is made of their distances.  So nothing is drawn, as a start
    for the power method is elsewhere.

    References
    ----------
    Allouah, Guerraoui, Stephan, "Towards trustworthy federated learning
    with untrusted participants", ICML 2025, arXiv 2505.01874, algorithm 2.
    """

    name = 'caf'

    def least_rows(self, wrong):
        """2f + 1."""
        return 2 * wrong + 1

    def weights(self, squared):
        """Those of the round with the least variance."""
        n = len(squared)
        return filtered(squared, n - 2 * self.wrong_of(n))


def filtered(squared, least):
    """The weights under which n rows vary least, summing to 1.

    Parameters
    ----------
    squared : ndarray of float64, shape (n, n)
        Squared distances.
    least : float
        Sum of the weights, each at most 1, with which it ends.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    weights = np.ones(len(squared))
    best, smallest = weights / weights.sum(), np.inf
    while weights.sum() > least:
        variance, along = _widest(squared, weights)
        if variance < smallest:
            best, smallest = weights / weights.sum(), variance
        if along.max() <= 0:
            break
        # Each round takes one weight to 0 at least, so that it ends.
        weights = weights * (1 - along / along.max())
    return best


def _widest(squared, weights):
    """The largest variance of weighed rows, and how far each is off.

    Parameters
    ----------
    squared : ndarray of float64, shape (n, n)
    weights : ndarray of float64, shape (n,)

    Returns
    -------
    float
    ndarray of float64, shape (n,)
        Squared distances from the mean along the direction of that
        variance; 0 where there is no weight.

    Notes
    -----
    With shares p the centred products are C = -(I - 1p')D(I - p1')/2, and
    the covariance has the eigenvalues of sqrt(p) C sqrt(p)'.  Its vector u
    belongs to the direction along which row i is at u_i sqrt(variance/p_i).
    """
    left = np.flatnonzero(weights > 0)
    shares = weights[left] / weights[left].sum()
    some = squared[np.ix_(left, left)]
    means = some @ shares
    centred = (means[:, np.newaxis] + means - some - shares @ means) / 2
    roots = np.sqrt(shares)
    values, vectors = np.linalg.eigh(roots[:, np.newaxis] * centred * roots)
    variance, along = max(float(values[-1]), 0.0), np.zeros(len(weights))
    along[left] = variance * np.square(vectors[:, -1]) / shares
    return variance, along
