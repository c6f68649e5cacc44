"""Flag whoever disagrees with more workers than there can be liars."""

from math import comb

import numpy as np

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import Detector, use
from aspis_mpi.detection.contradiction import (
    Contradiction, ContradictionKind)


class Core(Detector):
    """Remove workers that disagree with too many, then vote among the rest.

    An honest worker disagrees with liars only, so one that has more than
    (q - removed) disagreeing partners left is a liar.  Removing repeats
    until nobody exceeds the bound: polynomial, and never an honest worker.

    Notes
    -----
    The wrong files are at most C(2q, r)/2 for r odd and complete replies,
    which is the bound of Konstantinidis and Ramamoorthy (arXiv 2108.02416,
    section 4) for the fixed-disagreement attack.
    """

    name = 'core'

    def judge(self, evidence):
        """Survivors' strict plurality; the mean when all liars are known."""
        removed = self._removed(evidence.disagreements)
        n_removed = int(np.count_nonzero(removed))
        if n_removed > self.q:
            return self.refuse(evidence, Contradiction(
                ContradictionKind.DISAGREEMENTS,
                f'{n_removed} workers would be flagged, more than q = '
                f'{self.q}'))
        return use(evidence, evidence.without(removed), removed,
                   mean_is_right=n_removed == self.q)

    def _removed(self, graph):
        removed = np.zeros(len(graph), dtype=bool)
        while True:
            bound = self.q - np.count_nonzero(removed)
            partners = (graph & ~removed).sum(axis=1)
            guilty = ~removed & (partners > bound)
            if bound < 0 or not guilty.any():
                return removed
            removed |= guilty

    def worst_case(self, assignment):
        """C(2q, r)/2 for subsets and odd r, else majorities of q workers."""
        r = assignment.replication
        if isinstance(assignment, Subset) and r % 2:
            return comb(2 * self.q, r) // 2
        return assignment.majorities(self.q)
