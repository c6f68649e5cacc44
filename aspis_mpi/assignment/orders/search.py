"""Exchanges of two files that improve the worst case, from many starts."""

import logging
from dataclasses import dataclass

import numpy as np

from aspis_mpi.assignment import ordering
from aspis_mpi.assignment.base import Indices
from aspis_mpi.assignment.order import Order
from aspis_mpi.assignment.orders.random import shuffled
from aspis_mpi.streams import generator

log = logging.getLogger(__name__)

#: Of one start: how often the exchanges of a file are looked through.
MOST_LOOKS = 5000
#: Exchanges in a row of which only the last need keep every file up, and
#: how many of each file's exchanges are followed.
DEPTH, BREADTH = 6, 4


@dataclass(frozen=True, eq=False)
class Found:
    """An order and how far it may be from the best."""

    order: Indices              # (K, l), padded with -1
    q_max: int
    bound: int                  # no order has a smaller q_max

    @property
    def gap(self):
        """Distance from the bound; 0 only if no order is better."""
        return self.q_max - self.bound


class Search(Order):
    """Exchanges that improve the worst case, from several starts.

    Parameters
    ----------
    restarts : int
        Random orders from which the search begins again, after the order
        `matching` and the assignment's own.
    order_seed : int
        Of these random orders; every rank draws the same ones.
    """

    name = 'search'

    def __init__(self, *, restarts: int = 4, order_seed: int = 0):
        if restarts < 0:
            raise ValueError(f'restarts {restarts} must be at least 0')
        self.restarts = restarts
        self.seed = order_seed

    def arrange(self, assignment, copies):
        """The best order found; arguments as in `Order`."""
        found = search(assignment, copies, self.restarts, self.seed)
        log.info('order: Q_max %d, bound %d, gap %d',
                 found.q_max, found.bound, found.gap)
        return found.order


def search(assignment, copies=1, restarts=4, seed=0):
    """The order of least `q_max` that exchanges lead to.

    Parameters
    ----------
    assignment : Assignment
    copies, restarts, seed : int

    Returns
    -------
    Found

    Notes
    -----
    Stops at the bound.  The work of a start is limited by `MOST_LOOKS`, a
    count and not a time, so that all ranks find the same order.
    """
    bound = ordering.q_max_bound(assignment, copies)
    rng = generator(seed, 'order-search')
    best = None
    for start in _starts(assignment, copies, restarts, rng):
        exchanges = Exchanges(assignment.reordered(start), copies, bound)
        exchanges.improve()
        if best is None or exchanges.q_max < best.q_max:
            best = Found(exchanges.order, exchanges.q_max, bound)
        if best.gap == 0:
            break
    return best


def _starts(assignment, copies, restarts, rng):
    yield ordering.matching(assignment, copies)
    yield assignment.order
    for _ in range(restarts):
        yield shuffled(assignment.order, assignment.loads, rng)


class Exchanges:
    """An order under exchanges of two files within one worker's.

    Parameters
    ----------
    assignment : Assignment
    copies : int
    bound : int
        Of `q_max`, at which there is nothing left to improve.

    Attributes
    ----------
    order : ndarray of int32, shape (n_workers, load)
    least : ndarray of int64, shape (n_files,)
        The sum of the smallest losses of each file, as in `q_max`; the
        worst file has the smallest.
    """

    def __init__(self, assignment, copies, bound):
        self.order = assignment.order.copy()
        self._holders, self._loads = assignment.holders, assignment.loads
        self._total = int(assignment.loads.sum())
        self._goal = self._total + 1 - bound
        self._stopped = assignment.incidence.sum(axis=1) - copies + 1
        self._table = ordering.losses(assignment)
        self.least = ordering.least_losses(self._table, self._stopped)
        self._looks = 0

    @property
    def q_max(self):
        """Q_max of the order as it stands."""
        return self._total + 1 - int(self.least.min())

    def improve(self):
        """Lift the worst files until none can be, or the looks are used."""
        while (worst := int(self.least.min())) < self._goal:
            files = np.flatnonzero(self.least == worst)
            if not any(self._lift(file, worst, {file}, DEPTH)
                       for file in files.tolist()):
                return

    def _lift(self, file, worst, tried, depth):
        """Bring one file above `worst` and keep all others there.

        A file that pays for it by falling to `worst` or below is lifted in
        its turn, in a chain of at most `depth`; `tried` files do not pay.
        All is undone where that fails.
        """
        if self._looks >= MOST_LOOKS:
            return False
        self._looks += 1
        workers, positions, theirs = self._exchanges(file, worst)
        for worker, position, their in zip(workers, positions, theirs):
            if their <= worst and depth == 1:
                return False
            other = int(self.order[worker, position])
            if other in tried:
                continue
            place = int(np.flatnonzero(self.order[worker] == file)[0])
            self._exchange(worker, place, position)
            if their > worst:
                return True
            tried.add(other)
            if self._lift(other, worst, tried, depth - 1):
                return True
            self._exchange(worker, place, position)
        return False

    def _exchanges(self, file, worst):
        """The exchanges that bring `file` above `worst`, best first.

        Returns
        -------
        workers, positions, theirs : ndarray of int
            With the file that stands at a worker's earlier position, and
            what the smallest losses of that file then sum up to.
        """
        slots = np.flatnonzero(self._holders[file] >= 0)
        holders = self._holders[file, slots]
        own = self._loads[holders] - self._table[file, slots]
        index, positions = np.nonzero(
            np.arange(self.order.shape[1]) < own[:, None])
        workers, slots = holders[index], slots[index]
        gained = self._loads[workers] - positions
        mine = self._with(np.full(index.size, file), slots, gained)
        useful = mine > worst
        workers, positions = workers[useful], positions[useful]
        others = self.order[workers, positions]
        theirs = self._with(others, self._slots(others, workers),
                            self._table[file, slots[useful]])
        best = np.lexsort((-mine[useful], -np.minimum(mine[useful], theirs)))
        best = best[:BREADTH]
        return workers[best], positions[best], theirs[best]

    def _slots(self, files, workers):
        """Places of the workers among the holders of the files."""
        return (self._holders[files] == workers[:, None]).argmax(axis=1)

    def _with(self, files, slots, new):
        """`least` of each file if one of its losses were another."""
        table = self._table[files]
        table[np.arange(files.size), slots] = new
        return ordering.least_losses(table, self._stopped[files])

    def _exchange(self, worker, a, b):
        """Exchange the files at two positions of a worker."""
        self.order[worker, [a, b]] = self.order[worker, [b, a]]
        files = self.order[worker, [a, b]]
        slots = self._slots(files, np.array([worker, worker]))
        self._table[files, slots] = self._loads[worker] - np.array([a, b])
        self.least[files] = ordering.least_losses(self._table[files],
                                                  self._stopped[files])
