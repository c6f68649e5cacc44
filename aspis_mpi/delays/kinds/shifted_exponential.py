"""Seconds a file that have a least value and an exponential tail."""

from typing import Literal

from aspis_mpi.checks import check_share
from aspis_mpi.delays.drawn import Drawn


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

    def __init__(self, n_workers, load, seed, *, mean: float = 0.03,
                 shift: float = 0.5,
                 per: Literal['worker', 'file'] = 'worker'):
        super().__init__(n_workers, load, seed, mean=mean, per=per)
        check_share('shift', shift)
        self.shift = shift

    def factors(self, rng, shape):
        """shift + (1 - shift) Exp(1)."""
        return self.shift + (1 - self.shift) * rng.standard_exponential(shape)
