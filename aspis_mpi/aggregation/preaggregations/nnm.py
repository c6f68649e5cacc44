"""Nearest-neighbour mixing."""

import numpy as np

from aspis_mpi.aggregation import distances
from aspis_mpi.aggregation.preaggregation import PreAggregation
from aspis_mpi.aggregation.rows import Mixed


class NearestNeighbourMixing(PreAggregation):
    """Each file becomes the mean of the files nearest to it (NNM).

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `PreAggregation`.
    mixed : int
        Files in each mean, itself one of them.  0: n - f, of n files that
        came, f of which may be wrong.

    Notes
    -----
    Of files as near as each other the first count.

    References
    ----------
    Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan, "Fixing by
    mixing: a recipe for optimal Byzantine ML under heterogeneity", AISTATS
    2023, algorithm 2.
    """

    name = 'nnm'

    def __init__(self, n_files, n_adversaries, worst_case, *, mixed: int = 0):
        super().__init__(n_files, n_adversaries, worst_case)
        if not 0 <= mixed <= n_files:
            raise ValueError(f'mixed {mixed} must be between 1 and the '
                             f'number of files, {n_files}, or 0')
        self.mixed = mixed

    def least_rows(self, wrong):
        """2f + 1."""
        return 2 * wrong + 1

    def changed(self, rows):
        """Every row mixed."""
        if rows.n == 1:
            return rows
        squared, n = distances.squared(rows), rows.n
        count = min(self.mixed or n - self.wrong_of(n), n)
        # Nothing is nearer to a row than itself, not even an equal one.
        np.fill_diagonal(squared, -1)
        order = np.argsort(squared, axis=1, kind='stable')[:, :count]
        matrix = np.zeros((n, n))
        np.put_along_axis(matrix, order, 1 / count, axis=1)
        return Mixed(rows, matrix)
