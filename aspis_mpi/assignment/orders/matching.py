"""Copies of all files at the same pace, by matchings."""

from aspis_mpi.assignment import ordering
from aspis_mpi.assignment.order import Order


class Matching(Order):
    """A perfect matching at each position, or the nearest to it.

    See `ordering.matching`; with as many files as workers, equal degrees
    and one copy its worst case is the best there is.
    """

    name = 'matching'

    def arrange(self, assignment, copies):
        """Position by position; arguments as in `Order`."""
        return ordering.matching(assignment, copies)
