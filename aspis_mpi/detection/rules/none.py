"""No detection: each file by itself."""

import numpy as np

from aspis_mpi.detection.base import Detector, non_finite_premise, use


class Alone(Detector):
    """Strict plurality in each file, nobody is flagged (DETOX, ByzShield).

    References
    ----------
    Rajput et al., "DETOX", NeurIPS 2019; Konstantinidis, Ramamoorthy,
    "ByzShield", MLSys 2021.
    """

    name = 'none'
    compares_replicas = False

    def premise(self, evidence):
        """The reason, if it is divergence: nobody is compared across files."""
        return non_finite_premise(evidence, self.q)

    def judge(self, evidence):
        """Strict plurality over all holders of a file."""
        nobody = np.zeros(evidence.n_workers, dtype=bool)
        return use(evidence, evidence, nobody)

    def worst_case(self, assignment):
        """Files in which q workers hold the majority."""
        return assignment.majorities(self.q)
