"""Reactive redundancy: copies of what is looked at, more where they differ."""

from aspis_mpi.detection.rules.spot import Spot


class Reactive(Spot):
    """Compare all files of some steps with q copies, or 2q where they differ.

    In a step that is looked at q others compute what each worker has sent,
    and further ones where somebody differs, until more than q agree.  That
    is used, bit by bit, and whoever differs is exposed; then there is one
    liar less to be feared, and one copy less to be computed.

    Parameters
    ----------
    n_adversaries : int
        q.
    rate : float
        Share of the steps that are looked at; 1: all of them.

    Notes
    -----
    With `rate` 1 it is the deterministic scheme of the paper, with less the
    randomised one: a lie in a step that nobody looks at is used, and stays.
    In the paper it stands before the step who computes the first q + 1
    copies.  Here one worker does, and it is drawn afterwards who has the
    others, so that in both schemes no liar knows in time who compares it.

    References
    ----------
    Gupta and Vaidya, "Randomized reactive redundancy for Byzantine fault
    tolerance in parallelized learning", arXiv 1912.09528.
    """

    name = 'reactive'
    finds_contested = False
    recomputes = True

    def __init__(self, n_adversaries: int, *, rate: float = 1.0):
        super().__init__(n_adversaries, rate=rate, first=0, rollback=False,
                         keep_gradients=False)
        # Sums in the place of silent workers' are compared as well.
        self.bounds_silence = rate == 1

    def worst_case(self, assignment):
        """None where all steps are looked at; else as without any look."""
        return 0 if self.rate == 1 else super().worst_case(assignment)
