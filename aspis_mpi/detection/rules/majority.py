"""A vote that no q liars can win, or the file is not used (DRACO)."""

import numpy as np

from aspis_mpi.detection.base import (
    DROPPED, Detector, non_finite_premise, use)


class Majority(Detector):
    """The value that more than q workers sent of a file; nobody is flagged.

    Notes
    -----
    With at least 2q + 1 replicas of each file q + 1 of them are right, and
    whatever q + 1 workers send alike is.  Where some are silent a file may
    be short of q + 1 equal replicas: it is dropped.

    References
    ----------
    Chen, Wang, Charles, Papailiopoulos, "DRACO: Byzantine-resilient
    distributed training via redundant gradients", ICML 2018, repetition
    code.
    """

    name = 'majority'
    compares_replicas = False
    bounds_silence = True

    @property
    def least_replicas(self):
        """2q + 1: workers that each file needs by design."""
        return 2 * self.q + 1

    def premise(self, evidence):
        """The reason, if it is divergence: nobody is compared across files."""
        return non_finite_premise(evidence, self.q)

    def judge(self, evidence):
        """The value of each file that more than q holders sent."""
        nobody = np.zeros(evidence.n_workers, dtype=bool)
        verdict = use(evidence, evidence, nobody, mean_is_right=True)
        few = verdict.contributors.sum(axis=1) <= self.q
        source, contributors = verdict.source, verdict.contributors
        source[few & (source >= 0)] = DROPPED
        contributors[few] = False
        return verdict

    def needed(self, holders):
        """One more than can be wrong."""
        return np.minimum(self.q + 1, holders)

    def worst_case(self, assignment):
        """None: q + 1 workers are never all wrong."""
        return 0
