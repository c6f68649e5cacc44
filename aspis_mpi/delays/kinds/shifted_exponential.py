"""Seconds a file that have a least value and an exponential tail."""

from dataclasses import dataclass

from aspis_mpi.checks import check_share
from aspis_mpi.delays.drawn import Drawn


@dataclass(eq=False, kw_only=True)
class ShiftedExponential(Drawn):
    """`mean` seconds a file, times shift + (1 - shift) Exp(1).

    Parameters
    ----------
    n_workers, load, seed, mean, per
        See `Drawn`.
    shift : float
        Share of the mean that is not random, between 0 and 1.
    """

    name = 'shifted-exponential'

    shift: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        check_share('shift', self.shift)

    def factors(self, rng, shape):
        """shift + (1 - shift) Exp(1)."""
        return self.shift + (1 - self.shift) * rng.standard_exponential(shape)
