"""The base of delays that a mean describes."""

from dataclasses import dataclass

from aspis_mpi.checks import check_positive
from aspis_mpi.delays.base import Delay


@dataclass(eq=False, kw_only=True)
class MeanDelay(Delay):
    """Seconds a file that are made of a mean.

    Parameters
    ----------
    n_workers, load, seed
        See `Delay`.
    mean : float
        Seconds a file, above 0.
    """

    mean: float = 0.03

    def __post_init__(self):
        super().__post_init__()
        check_positive('mean', self.mean)
