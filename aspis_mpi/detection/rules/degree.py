"""Aspis+ as published: who disagrees with more than q workers is flagged."""

import numpy as np

from aspis_mpi.detection.base import Detector, non_finite_premise, use


class Degree(Detector):
    """Flag workers with more than q disagreeing partners; the rest votes.

    Disagreements are those of this step and of the `window` before it, so
    liars that spare most of their partners in each step are found when the
    workers get other names after each step (`assignment.rename`).  A flag is
    a verdict of one step: it goes when the disagreements are too old.

    Notes
    -----
    An honest worker disagrees with liars only, so none is flagged while at
    most q different workers are wrong within the window.  Where liars change
    within it, there may be up to 2q and honest workers may be flagged; the
    published rule knows no such premise, so it is not tested here either.

    References
    ----------
    Konstantinidis, Vaswani, Ramamoorthy, "Detection and mitigation of
    Byzantine attacks in distributed training", arXiv 2208.08085.
    """

    name = 'degree'
    default_memory = 'window'

    def premise(self, evidence):
        """The reason, if it is divergence: liars may change in the window."""
        return non_finite_premise(evidence, self.q)

    def judge(self, evidence):
        """Strict plurality of the others; the mean if all liars are known."""
        flagged = evidence.disagreements.sum(axis=1) > self.q
        return use(evidence, evidence.without(flagged), flagged,
                   mean_is_right=np.count_nonzero(flagged) == self.q)

    def worst_case(self, assignment):
        """Files in which q workers hold the majority, before one is found."""
        return assignment.majorities(self.q)
