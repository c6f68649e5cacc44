"""Workers of equal speed."""

import numpy as np

from aspis_mpi.checks import check_positive
from aspis_mpi.delays.base import Delay


class Constant(Delay):
    """`mean` seconds for every file of every worker.

    Parameters
    ----------
    n_workers, load, seed
        See `Delay`.
    mean : float
        Seconds a file, above 0.
    """

    name = 'constant'

    def __init__(self, n_workers, load, seed, *, mean: float = 0.03):
        super().__init__(n_workers, load, seed)
        check_positive('mean', mean)
        self.mean = mean

    def drawn(self, step):
        """`mean` seconds."""
        return np.array([self.mean])
