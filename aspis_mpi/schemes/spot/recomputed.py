"""Sums that others compute once more in some steps, to compare the bits."""

from dataclasses import dataclass

from aspis_mpi.detection.equality import BITS
from aspis_mpi.schemes.spot.comparison import ComparedTable
from aspis_mpi.schemes.spot.spotted import Spotted


@dataclass(frozen=True, eq=False)
class Recomputed(Spotted):
    """A transfer of sums, some of which others send as well.

    Parameters are those of `Spotted`; there are no sketches.
    """

    recomputes = True
    keeps_gradients = False

    def begin(self, equality=BITS, floor=0.0, step=0, known=None):
        """A table in which nothing has come yet."""
        return ComparedTable(self, equality, floor)
