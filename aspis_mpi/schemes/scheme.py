"""The parts that make a scheme."""

from dataclasses import dataclass
from functools import cached_property

from aspis_mpi.arrays import Ints, sealed
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.schemes.belief import Belief
from aspis_mpi.schemes.gathering import Collection
from aspis_mpi.schemes.tables.base import Transfer


@dataclass(frozen=True, eq=False, kw_only=True)
class Scheme(Belief):
    """The parts of a step: work, end of the wait, transfer, belief.

    `ordered`: the workers have to be told in which order to compute.  Every
    `reorder` steps the workers compute their files in an order that fits
    their measured speeds; 0 is never.  With `skip_covered` they leave out
    files that have enough copies.
    """

    assignment: Assignment
    collection: Collection
    transfer: Transfer
    copies: int = 1
    ordered: bool = False
    reorder: int = 0
    skip_covered: bool = False

    @property
    def tolerates_missing(self) -> bool:
        """True where files that nobody can finish are simply missing.

        Liars can always bring that about, so it must not end a run.
        """
        return (self.transfer.sends_at_once or self.transfer.comparable
                or bool(self.transfer.corrects))

    @cached_property
    def needed(self) -> Ints | None:
        """Copies of each file that can be believed, (f,), or None."""
        if not self.transfer.comparable:
            return None
        return sealed(self.detector.needed(
            self.assignment.incidence.sum(axis=1)))
