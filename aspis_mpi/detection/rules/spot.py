"""Spot checks: one file of each worker, in a few steps, by another one."""

from aspis_mpi.checks import check_finite, check_share
from aspis_mpi.detection.base import Detector

#: With less no liar is ever found, and no number of turns says so.
LEAST_RATE, LEAST_RISK = 1e-15, 1e-300


class Spot(Detector):
    """Check by chance what nobody else has computed; expose, and go back.

    Parameters
    ----------
    n_adversaries : int
        q.
    rate : float
        Share of the steps that are checked.
    outlier : float
        Norms of payloads and files over the usual ones above which nothing
        is used on one check.
    first : int
        Steps at the beginning that are all checked.
    rollback : bool
        Whether an exposure takes the run back to a checkpoint from before
        the lies.
    rollback_risk : float
        With this probability at most a liar that lies in every turn has
        lied in what the run goes back to.
    keep_gradients : bool
        Whether workers keep the gradients of their files until a step is
        over; if not they compute them again when they are checked.

    References
    ----------
    Gupta and Vaidya, "Randomized reactive redundancy for Byzantine fault
    tolerance in parallelized learning", arXiv 1912.09528, recompute by
    chance, too; they neither hide the draw from liars nor go back.
    """

    name = 'spot'
    compares_replicas = False
    decides_by_majority = False
    spot_checks = True
    finds_contested = True
    default_memory = 'forever'

    def __init__(self, n_adversaries: int, *, rate: float = 0.1,
                 outlier: float = 3.0, first: int = 10, rollback: bool = True,
                 rollback_risk: float = 0.01, keep_gradients: bool = True):
        super().__init__(n_adversaries)
        check_share('rate', rate)
        if 0 < rate < LEAST_RATE:
            raise ValueError(f'rate {rate} must be 0 or at least '
                             f'{LEAST_RATE}')
        if not 0 < rollback_risk < 1:
            raise ValueError(f'rollback_risk {rollback_risk} must be above '
                             '0 and below 1')
        if rollback_risk < LEAST_RISK:
            raise ValueError(f'rollback_risk {rollback_risk} must be at '
                             f'least {LEAST_RISK}')
        check_finite('outlier', outlier, least=1)
        if first < 0:
            raise ValueError(f'first {first} must be at least 0')
        self.rate = rate
        self.outlier = outlier
        self.first = first
        self.rollback = rollback
        self.rollback_risk = rollback_risk
        self.keep_gradients = keep_gradients

    def worst_case(self, assignment):
        """All files of q workers, as long as nobody has looked at them."""
        return assignment.touched(self.q)
