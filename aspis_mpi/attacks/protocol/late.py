"""Answers that come as late as they may."""

from aspis_mpi.attacks.protocol.counts import Counts
from aspis_mpi.checks import check_positive


class Late(Counts):
    """A report of everything at once, and answers that wait for `seconds`.

    An adversary computes as fast as it can, whatever the delay says, and
    sends what it was asked for that much later: vectors and sketches after
    they were asked for, replicas after the one before.  With the value
    `honest` nothing else is wrong.

    Parameters
    ----------
    seed : int
    seconds : float
        Above 0; below `faults.silence` nobody calls it silent.
    """

    name = 'late'
    timing = True

    def __init__(self, seed, *, seconds: float = 54.0):
        super().__init__(seed)
        check_positive('seconds', seconds)
        self.seconds = seconds

    def dawdlers(self, step, adversaries):
        """All of them."""
        return adversaries
