"""The parts that make a scheme."""

from dataclasses import dataclass
from typing import Any

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.detection.equality import BITS, Equality
from aspis_mpi.schemes.decision import Detection


@dataclass(frozen=True, eq=False)
class Scheme:
    """The parts of a step: work, end of the wait, transfer, belief.

    `mean` is the aggregation for steps in which every liar is known;
    `worst_case` the most files that the assumed liars can make wrong.
    `ordered`: the workers have to be told in which order to compute.  Every
    `reorder` steps the workers compute their files in an order that fits
    their measured speeds; 0 is never.  With `skip_covered` they leave out
    files that have enough copies.  Where the server can audit,
    it settles contested files (`audits`), and computes in every
    verification `random_audits` of the files that nothing proves right.
    """

    assignment: Assignment
    collection: Any
    transfer: Any
    detection: Detection
    aggregator: Any
    mean: Any
    worst_case: int = 0
    copies: int = 1
    ordered: bool = False
    reorder: int = 0
    skip_covered: bool = False
    audits: bool = True
    random_audits: int = 0
    equality: Equality = BITS

    @property
    def detector(self):
        """The detector for all adversaries that are assumed."""
        return self.detection.detector

    @property
    def tolerates_missing(self):
        """True where files that nobody can finish are simply missing.

        Liars can always bring that about, so it must not end a run.
        """
        return self.transfer.sends_at_once or self.transfer.comparable

    @property
    def needed(self):
        """Copies of each file that can be believed, (f,), or None."""
        if not self.transfer.comparable:
            return None
        return self.detector.needed(self.assignment.incidence.sum(axis=1))
