"""Seconds a file that are uniformly distributed."""

from typing import Literal

from aspis_mpi.checks import check_share
from aspis_mpi.delays.drawn import Drawn


class Uniform(Drawn):
    """`mean` seconds a file, times a number in 1 - spread ... 1 + spread.

    Parameters
    ----------
    n_workers, load, seed, mean, per
        See `Drawn`.
    spread : float
        Between 0 and 1.
    """

    name = 'uniform'

    def __init__(self, n_workers, load, seed, *, mean: float = 0.03,
                 spread: float = 0.5,
                 per: Literal['worker', 'file'] = 'worker'):
        super().__init__(n_workers, load, seed, mean=mean, per=per)
        check_share('spread', spread)
        self.spread = spread

    def factors(self, rng, shape):
        """Uniform in 1 - spread ... 1 + spread."""
        return 1 + self.spread * (2 * rng.random(shape) - 1)
