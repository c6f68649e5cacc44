"""Sums that leave unasked and are looked at in a few steps."""

from dataclasses import dataclass

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.coding.scrutiny import TOLERANT, Scrutiny
from aspis_mpi.detection.equality import BITS
from aspis_mpi.schemes.spot.inspection import Inspection
from aspis_mpi.schemes.spot.table import SpotTable
from aspis_mpi.schemes.tables.base import AskedTransfer


@dataclass(frozen=True, eq=False)
class Spotted(AskedTransfer):
    """A transfer of sums of which some are challenged and checked.

    Parameters
    ----------
    assignment : Assignment
        Each file has one worker.
    inspection : Inspection
    n_sketches : int
        k, numbers in a sketch.
    max_epochs : int
        Of payloads, in a step.
    scrutiny : Scrutiny
        Makes sketches, and compares by them.
    """

    assignment: Assignment
    inspection: Inspection
    n_sketches: int
    max_epochs: int
    scrutiny: Scrutiny = TOLERANT

    comparable = True
    reassignable = True
    sends_unasked = True
    looks_by_chance = True

    @property
    def keeps_gradients(self):
        """True if what is challenged is not computed again."""
        return self.inspection.rule.keep_gradients

    @property
    def sketch_size(self):
        """Numbers in the answer to a challenge."""
        return self.assignment.width * (self.n_sketches + 1)

    def payload_size(self, d):
        """All d numbers."""
        return d

    def sketch(self, vectors, secret):
        """Sketches and norms of some gradients, (n, k + 1, 1)."""
        return self.scrutiny.sketch(vectors, 1, secret, self.n_sketches)

    def rows(self, values):
        """The sketches in an answer, float64 (l, k + 1, 1)."""
        return self.scrutiny.rows(values, self.n_sketches, 1)

    def begin(self, equality=BITS, floor=0.0, step=0, known=None):
        """A table in which nothing has come yet."""
        return SpotTable(self, equality, floor)
