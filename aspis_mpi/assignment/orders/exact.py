"""The best worst case of small assignments, by an integer programme."""

import logging

import numpy as np

from aspis_mpi.assignment import ordering
from aspis_mpi.assignment.order import Order
from aspis_mpi.assignment.orders.search import Found, search

log = logging.getLogger(__name__)

#: Above so many variables the solver finds nothing in a sensible time.
MOST_VARIABLES = 5000


class Exact(Order):
    """The least worst case of small assignments, by an integer programme.

    Parameters
    ----------
    order_seconds : float
        That the solver may take; then the best order found so far is used.
        Only if the time runs out can two runs find different orders.
    """

    name = 'exact'

    def __init__(self, *, order_seconds: float = 10.0):
        if not order_seconds > 0:
            raise ValueError(f'order_seconds {order_seconds} must be above '
                             '0')
        self.seconds = order_seconds

    def arrange(self, assignment, copies):
        """The best order found; arguments as in `Order`."""
        found = exact(assignment, copies, self.seconds)
        log.info('order: Q_max %d, bound %d, gap %d',
                 found.q_max, found.bound, found.gap)
        return found.order


def exact(assignment, copies=1, seconds=10.0):
    """The order of least `q_max`.

    Parameters
    ----------
    assignment : Assignment
    copies : int
    seconds : float
        Time limit of the solver; nothing else depends on time.

    Returns
    -------
    Found
        With what the solver has proven, also where its time ran out, and a
        gap of 0 where the order is proven to be the best, be it by
        `q_max_bound` or by the solver.

    Raises
    ------
    ValueError
        The programme would have more than `MOST_VARIABLES` variables: the
        sum of squared loads, for more than one copy also one for each pair
        of worker and file.
    """
    programme = _Programme(assignment, copies)
    found = search(assignment, copies)
    if found.gap == 0:
        return found
    better, bound = programme.solve(found, seconds)
    if better is None:
        return Found(found.order, found.q_max, bound)
    return Found(better,
                 ordering.q_max(assignment.reordered(better), copies), bound)


class _Programme:
    """The position of each file in each order, as zeros and ones.

    x[i, j, t] = 1 if worker j has file i at position t, for pairs (i, j) of
    the incidence; L[i, j] = sum_t (delta_j - t + 1) x[i, j, t].  For each
    file the sum of the s smallest of its gamma losses is, by duality, the
    largest s u - sum_j v_j over u and v_j >= max(0, u - L[i, j]).  The
    least of these sums is made as large as possible; Q_max is the sum of
    all loads + 1 - this.

    scipy passes on what the solver has proven only if it has found a
    solution as well, and takes none to begin with.  So z = 0 stands for the
    order that is known, whose least sum is a, and z = 1 for a better one;
    b >= z is how much larger its least sum is.  Each constraint of orders
    is multiplied by z, so that zeros are a solution and the relaxation for
    z = 1 is as tight as without.

    Columns: x, then b and z, and for more than one copy u of the files and
    v of the pairs.
    """

    def __init__(self, assignment, copies):
        assignment.check_copies(copies)
        self.loads, self.copies = assignment.loads, copies
        self.files, self.workers = np.nonzero(assignment.incidence)
        self.n_files, self.n_pairs = assignment.n_files, self.files.size
        self.stopped = assignment.incidence.sum(axis=1) - copies + 1
        # Of each x its pair, its position from 0, and the loss there.
        loads = self.loads[self.workers]
        self.pair = np.repeat(np.arange(self.n_pairs), loads)
        self.place = (np.arange(self.pair.size)
                      - (loads.cumsum() - loads)[self.pair])
        self.loss = loads[self.pair] - self.place
        # Where the columns of b, z, u and v begin.
        self.b = self.pair.size
        self.z = self.b + 1
        self.u = self.z + 1
        self.v = self.u + self.n_files
        self.size = self.u if copies == 1 else self.v + self.n_pairs
        if self.size > MOST_VARIABLES:
            raise ValueError(
                f'order exact needs {self.size} variables for '
                f'{self.n_pairs} pairs of worker and file; at most '
                f'{MOST_VARIABLES} are possible, search takes any number')

    def solve(self, found, seconds):
        """An order better than `found`, or None, and a bound of `q_max`."""
        from scipy.optimize import Bounds, milp
        upper = np.ones(self.size)
        upper[self.b] = found.gap
        upper[self.u:] = self.loads.max()
        known = int(self.loads.sum()) + 1 - found.q_max
        result = milp(-np.eye(1, self.size, self.b)[0],
                      integrality=np.arange(self.size) <= self.z,
                      bounds=Bounds(0.0, upper),
                      constraints=[self._better(found.gap),
                                   *self._permutations(),
                                   *self._least(known)],
                      options={'time_limit': seconds, 'mip_rel_gap': 0.0})
        bound = found.bound
        if result.mip_dual_bound is not None and np.isfinite(
                result.mip_dual_bound):
            bound = max(bound, found.q_max - int(
                1e-6 - result.mip_dual_bound))
        if result.x is None or result.x[self.z] < 0.5:
            return None, bound
        return self._order(result.x), bound

    def _order(self, x):
        order = np.full((self.loads.size, int(self.loads.max())), -1,
                        dtype=np.int32)
        taken = x[:self.b] > 0.5
        pair = self.pair[taken]
        order[self.workers[pair], self.place[taken]] = self.files[pair]
        return order

    def _better(self, gap):
        """Constraints z <= b <= gap z."""
        rows = np.arange(2)
        return self._rows((rows, self.b, (1, -1)), (rows, self.z, (-1, gap)))

    def _permutations(self):
        """For z = 1 each file at one position, at each position one file."""
        x, pairs = np.arange(self.b), np.arange(self.n_pairs)
        positions = np.stack((self.workers[self.pair], self.place))
        row = np.unique(positions, axis=1, return_inverse=True)[1].ravel()
        return [self._rows((self.pair, x, 1), (pairs, self.z, -1), upper=0),
                self._rows((row, x, 1), (pairs, self.z, -1), upper=0)]

    def _least(self, known):
        """Least sums of losses: none of a file below a z + b, a the known."""
        x, files = np.arange(self.b), np.arange(self.n_files)
        least = (files, self.b, -1), (files, self.z, -known)
        if self.copies == 1:
            # sum_j L - a z - b >= 0: all losses count.
            return [self._rows((self.files[self.pair], x, self.loss), *least)]
        # s u - sum_j v_j - a z - b >= 0 and L + v - u >= 0.
        pairs = np.arange(self.n_pairs)
        return [self._rows((files, self.u + files, self.stopped),
                           (self.files, self.v + pairs, -1), *least),
                self._rows((self.pair, x, self.loss),
                           (pairs, self.v + pairs, 1),
                           (pairs, self.u + self.files, -1))]

    def _rows(self, *terms, lower=0.0, upper=np.inf):
        """Constraints from terms of rows, columns and coefficients."""
        from scipy.optimize import LinearConstraint
        from scipy.sparse import coo_array
        rows, columns, values = (np.concatenate(part) for part in zip(*(
            np.broadcast_arrays(*term) for term in terms)))
        matrix = coo_array((values.astype(float), (rows, columns)),
                           shape=(int(rows.max()) + 1, self.size))
        return LinearConstraint(matrix.tocsc(), lower, upper)
