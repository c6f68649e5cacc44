"""The order that the assignment came with."""

from aspis_mpi.assignment.order import Order


class Natural(Order):
    """The assignment's own order: as constructed, or ascending."""

    name = 'natural'

    def arrange(self, assignment, copies):
        """A copy of `Assignment.order`."""
        return assignment.order.copy()
