"""Seconds a file that are uniformly distributed."""

from dataclasses import dataclass

from aspis_mpi.checks import check_share
from aspis_mpi.delays.drawn import Drawn


@dataclass(eq=False, kw_only=True)
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

    spread: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        check_share('spread', self.spread)

    def factors(self, rng, shape):
        """Uniform in 1 - spread ... 1 + spread."""
        return 1 + self.spread * (2 * rng.random(shape) - 1)
