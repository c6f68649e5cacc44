"""Clipping: no file longer than a bound."""

import numpy as np

from aspis_mpi.aggregation import distances
from aspis_mpi.aggregation.preaggregation import PreAggregation
from aspis_mpi.aggregation.rows import Scaled
from aspis_mpi.checks import check_positive


class Clipping(PreAggregation):
    """Each file's mean gradient made no longer than a norm that is given.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `PreAggregation`.
    longest : float
        The largest Euclidean norm, above 0.
    """

    name = 'clipping'

    def __init__(self, n_files, n_adversaries, worst_case, *,
                 longest: float = 1.0):
        super().__init__(n_files, n_adversaries, worst_case)
        check_positive('longest', longest)
        self.longest = longest

    def changed(self, rows):
        """The rows, the longer ones shortened."""
        return shortened(rows, distances.norms(rows), self.longest)


def shortened(rows, norms, longest):
    """Rows of which the longer ones are scaled down to a norm.

    Parameters
    ----------
    rows : Rows
    norms : ndarray of float64, shape (n,)
        Of the rows.
    longest : float

    Returns
    -------
    Scaled
    """
    long = norms > longest
    return Scaled(rows, np.where(long, longest / np.where(long, norms, 1), 1))
