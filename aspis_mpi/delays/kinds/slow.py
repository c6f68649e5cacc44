"""Some workers that are always slower than the others."""

import numpy as np

from aspis_mpi.checks import check_positive, check_workers
from aspis_mpi.delays.base import Delay


class Slow(Delay):
    """`mean` seconds a file, `factor` times as much for some workers.

    Parameters
    ----------
    n_workers, load, seed
        See `Delay`.
    mean : float
        Seconds a file of the other workers, above 0.
    workers : list of int
        The slow ones.
    factor : float
        Above 0.
    """

    name = 'slow'

    def __init__(self, n_workers, load, seed, *, workers: list[int],
                 mean: float = 0.03, factor: float = 10.0):
        super().__init__(n_workers, load, seed)
        check_positive('mean', mean)
        check_positive('factor', factor)
        check_workers('workers', workers, n_workers)
        self.mean = mean
        self.factor = factor
        self.workers = workers

    def drawn(self, step):
        """`mean` or `factor` times `mean` seconds, (K, 1)."""
        seconds = np.full((self.n_workers, 1), self.mean)
        seconds[self.workers] *= self.factor
        return seconds
