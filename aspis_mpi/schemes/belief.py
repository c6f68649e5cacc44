"""The parts of a scheme that say what is believed, and what becomes of it."""

from dataclasses import dataclass

from aspis_mpi.aggregation.base import Aggregator
from aspis_mpi.detection.base import Detector
from aspis_mpi.detection.equality import BITS, Equality
from aspis_mpi.schemes.decision import Detection


@dataclass(frozen=True, eq=False, kw_only=True)
class Belief:
    """All of a scheme that it takes to close a step.

    `mean` is the aggregation for steps in which every liar is known;
    `worst_case` the most files that the assumed liars can make wrong.  Where
    the server can audit, it settles contested files (`audits`), and computes
    in every verification `random_audits` of the files that nothing proves
    right.
    """

    detection: Detection
    aggregator: Aggregator
    mean: Aggregator
    worst_case: int = 0
    audits: bool = True
    random_audits: int = 0
    equality: Equality = BITS

    @property
    def detector(self) -> Detector:
        """The detector for all adversaries that are assumed."""
        return self.detection.detector
