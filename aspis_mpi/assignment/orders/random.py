"""Each worker's files in random order, to compare with."""

from aspis_mpi.assignment.order import Order
from aspis_mpi.streams import generator


def shuffled(order, loads, rng):
    """A copy of an order (K, l) whose rows are permuted each by itself."""
    order = order.copy()
    for row, load in zip(order, loads):
        rng.shuffle(row[:load])
    return order


class Random(Order):
    """Each worker's files in random order.

    Parameters
    ----------
    order_seed : int
        Of the order alone; every rank draws the same one.
    """

    name = 'random'

    def __init__(self, *, order_seed: int = 0):
        self.seed = order_seed

    def arrange(self, assignment, copies):
        """Drawn from the seed; the copies do not matter."""
        return shuffled(assignment.order, assignment.loads,
                        generator(self.seed, 'order'))
