"""The parts that make a scheme."""

from dataclasses import dataclass
from typing import Any

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.detection.base import Detector


@dataclass(frozen=True, eq=False)
class Scheme:
    """Who computes, when it is enough, what travels, whom to believe.

    `mean` is the aggregation for steps in which every liar is known;
    `worst_case` the most files that the assumed liars can make wrong.
    `ordered`: the workers have to be told in which order to compute.  Every
    `reorder` steps the workers compute their files in an order that fits
    their measured speeds; 0 is never.  With `skip_covered` they leave out
    files that have enough copies.
    """

    assignment: Assignment
    collection: Any
    transfer: Any
    detector: Detector
    aggregator: Any
    mean: Any
    worst_case: int = 0
    copies: int = 1
    ordered: bool = False
    reorder: int = 0
    skip_covered: bool = False
