"""The verdict on the evidence of those who are believed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from aspis_mpi.arrays import Bools
from aspis_mpi.detection.base import Detector, Verdict
from aspis_mpi.detection.contradiction import (
    Contradiction, ContradictionKind)
from aspis_mpi.detection.evidence import Evidence


@dataclass(frozen=True, eq=False)
class Detection:
    """A rule for q adversaries, made anew for those that are left of them.

    Who is exposed is one of the q, so fewer liars are left to be found.  A
    detector may derive anything from q when it is made: none is changed.

    Parameters
    ----------
    make : callable
        Given a number of adversaries, the `Detector` of the rule.
    q : int
        Adversaries that the server assumes.
    """

    make: Callable[[int], Detector]
    q: int
    _made: dict[int, Detector] = field(default_factory=dict, init=False,
                                       repr=False)

    def __post_init__(self) -> None:
        # A rule that refuses q does so before anything is decided.
        self._for(self.q)

    @property
    def detector(self) -> Detector:
        """The detector for all q."""
        return self._for(self.q)

    def left(self, believed: Bools) -> int:
        """Adversaries that may be among those who are believed, int.

        Parameters
        ----------
        believed : ndarray of bool, shape (K,)
            Workers that no proof stands against.
        """
        return self.q - int(np.count_nonzero(~believed))

    def among(self, believed: Bools) -> Detector:
        """The detector for those who are believed; 0 are the fewest."""
        return self._for(max(self.left(believed), 0))

    def decide(self, evidence: Evidence, believed: Bools) -> Verdict:
        """The detector's verdict, if not too many are exposed already.

        Parameters
        ----------
        evidence : Evidence
            Of all workers.
        believed : ndarray of bool, shape (K,)

        Returns
        -------
        Verdict
        """
        evidence = self.detector.leave_out(evidence, ~believed)
        if self.left(believed) >= 0:
            return self.among(believed).decide(evidence)
        exposed = int(np.count_nonzero(~believed))
        return self.detector.refuse(evidence, Contradiction(
            ContradictionKind.EXPOSED,
            f'{exposed} workers are exposed, more than q = {self.q}'))

    def _for(self, q: int) -> Detector:
        if q not in self._made:
            self._made[q] = self.make(q)
        return self._made[q]
