"""Seconds a file with a heavy tail."""

import math
from dataclasses import dataclass

from aspis_mpi.delays.drawn import Drawn


@dataclass(eq=False, kw_only=True)
class Pareto(Drawn):
    """`mean` seconds a file on average, with a tail of power -`alpha`.

    Parameters
    ----------
    n_workers, load, seed, mean, per
        See `Drawn`.
    alpha : float
        Above 1, since otherwise there is no mean; up to 2 the variance is
        infinite.  The least value is mean * (1 - 1/alpha).
    """

    name = 'pareto'

    alpha: float = 2.5

    def __post_init__(self):
        super().__post_init__()
        if not (math.isfinite(self.alpha) and self.alpha > 1):
            raise ValueError(f'alpha {self.alpha} must be finite and above 1')

    def factors(self, rng, shape):
        """(1 - 1/alpha) u^(-1/alpha), u uniform in (0, 1]."""
        # numpy's own Pareto begins at 0: it is u^(-1/alpha) - 1.
        return (1 - 1 / self.alpha) * (1 + rng.pareto(self.alpha, shape))
