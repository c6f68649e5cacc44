"""Some workers that are always slower than the others."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.checks import check_positive, check_workers
from aspis_mpi.delays.mean import MeanDelay


@dataclass(eq=False, kw_only=True)
class Slow(MeanDelay):
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

    workers: list[int]
    factor: float = 10.0

    def __post_init__(self):
        super().__post_init__()
        check_positive('factor', self.factor)
        check_workers('workers', self.workers, self.n_workers)

    def drawn(self, step):
        """`mean` or `factor` times `mean` seconds, (K, 1)."""
        seconds = np.full((self.n_workers, 1), self.mean)
        seconds[self.workers] *= self.factor
        return seconds
