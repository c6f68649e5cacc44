"""The most files that q workers can decide, whichever workers they are.

A file is decided by a set of workers that holds as many of its replicas as a
vote needs: floor(r/2) + 1 for a majority, r where all have to agree.  Finding
the worst set is a maximum coverage problem, so there is a search that is
exact while it may last, and bounds from both sides where it may not: a set
that was found, and those of `assignment.bounds`.
"""

from math import floor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aspis_mpi.assignment.bounds import Incidence, upper_bound

#: Files times workers times sets that a search looks at: about a second.
MOST_WORK = 2_000_000_000

#: Files times workers times sets that are looked at together (memory).
BLOCK = 1 << 22

#: Rounding of sums of reciprocals must not cut off a set: for each hundred
#: files so much, more than single precision loses.
SLACK = 1e-4

#: States of a worker in a set that grows.
FREE, CHOSEN, BARRED = 0, 1, 2

#: Replicas that decide each file.
Needed = npt.NDArray[np.int64]
#: States of each worker (column) in each set (row), and a bound a set.
Sets = npt.NDArray[np.int8]
Bounds = npt.NDArray[np.float64]


class Decided(NamedTuple):
    """The most files that q workers decide, or bounds of that number.

    `workers` decide `attained` files; no q workers decide more than `bound`.
    """

    attained: int
    bound: int
    workers: tuple[int, ...]

    @property
    def exact(self) -> bool:
        """True if nothing is left between the bounds."""
        return self.attained == self.bound


def most_decided(incidence: npt.ArrayLike, needed: npt.ArrayLike, q: int,
                 most_work: int = MOST_WORK) -> Decided:
    """The most files of which q workers hold as many replicas as it needs.

    Parameters
    ----------
    incidence : array_like of bool, shape (n_files, n_workers)
    needed : array_like of int, shape (n_files,)
        Replicas that decide each file, at least 1.
    q : int
        At least 0, at most the number of workers.
    most_work : int
        Bound of files times workers times sets that are looked at.

    Returns
    -------
    Decided
        Exact unless the search was too long.  Then `attained` is what the
        best set found decides, and `bound` the smallest of the bound of what
        was not looked at and those of `upper_bound`.

    Notes
    -----
    Branch and bound over sets in ascending order, many at once.  With m
    workers still to be named, let d_i >= 1 be the replicas that file i
    still needs.  Each file that will be decided has d_i holders or more
    among the m, so that the sum of 1/d_i over them is 1 or more: no more
    files will be decided than the m largest of the sums of 1/d_i over the
    files of one worker, of d_i <= m, add up to.  With m = 1 this is exact.

    >>> from aspis_mpi.assignment.designs.cyclic import Cyclic
    >>> most_decided(Cyclic(5, load=3).incidence, [2] * 5, 2)
    Decided(attained=2, bound=2, workers=(0, 1))
    """
    table = np.asarray(incidence, dtype=bool)
    wanted = np.broadcast_to(np.asarray(needed, dtype=np.int64),
                             table.shape[:1])
    if not 0 <= q <= table.shape[1]:
        raise ValueError(f'q {q} must be between 0 and the number of '
                         f'workers, {table.shape[1]}')
    if wanted.min() < 1:
        raise ValueError(f'needed {wanted.min()} must be at least 1')
    start = greedy(table, wanted, q)
    above = upper_bound(table, wanted, q)
    if q == 0 or start.attained == above:
        return Decided(start.attained, start.attained, start.workers)
    return _Search(table, wanted, q, most_work).run(start, above)


def greedy(incidence: Incidence, needed: Needed, q: int) -> Decided:
    """A set of q workers that no exchange of one worker makes worse.

    Parameters
    ----------
    incidence : ndarray of bool, shape (n_files, n_workers)
    needed : ndarray of int, shape (n_files,)
    q : int

    Returns
    -------
    Decided
        Its bound is the number of files: nothing is said about others.
    """
    table = incidence.astype(np.float64)
    chosen: list[int] = []
    while len(chosen) < q:
        chosen.append(_best(table, needed, chosen, q - len(chosen)))
    improved = True
    while improved and chosen:
        improved = False
        for place in range(q):
            rest = chosen[:place] + chosen[place + 1:]
            other = _best(table, needed, rest, 1)
            if (_count(incidence, needed, [*rest, other])
                    > _count(incidence, needed, chosen)):
                chosen, improved = [*rest, other], True
    return Decided(_count(incidence, needed, chosen), len(incidence),
                   tuple(sorted(chosen)))


def _best(table: npt.NDArray[np.float64], needed: Needed, chosen: list[int],
          left: int) -> int:
    """The worker that completes most, or most shares of what is missing."""
    missing = needed - table[:, chosen].sum(axis=1)
    gain = _shares(missing, left) @ table
    gain[chosen] = -1
    return int(gain.argmax())


def _count(incidence: Incidence, needed: Needed, chosen: list[int]) -> int:
    held = incidence[:, chosen].sum(axis=1)
    return int(np.count_nonzero(held >= needed))


def _shares(missing: npt.NDArray[Any], left: int) -> npt.NDArray[Any]:
    """1/d for each file that d of the `left` workers can still decide."""
    possible = (missing >= 1) & (missing <= left)
    return possible / np.maximum(missing, 1)


class _Search:
    """Branch and bound, many sets of equal size at once.

    In a set each worker is free, chosen or barred; the next is chosen among
    the free ones by what it promises, and bars those that promise more.
    """

    def __init__(self, incidence: Incidence, needed: Needed, q: int,
                 most_work: int):
        self.q = q
        # Files with the same holders and needs go together.
        rows, self.weights = np.unique(
            np.column_stack([incidence, needed]), axis=0, return_counts=True)
        self.table = rows[:, :-1].astype(np.float32)
        self.weighted = self.table * self.weights.astype(np.float32)[:, None]
        self.wanted = rows[:, -1].astype(np.float32)
        self.slack = SLACK * max(1.0, len(incidence) / 100)
        self.budget = max(1, most_work // self.table.size)
        self.rows = max(1, BLOCK // self.table.size)

    def run(self, start: Decided, above: int) -> Decided:
        """The best set, beginning with one, none better than `above`."""
        self.best, self.workers = start.attained, start.workers
        sets = np.full((1, self.table.shape[1]), FREE, dtype=np.int8)
        stack = [(sets, np.array([float(above)]))]
        while stack and self.best < above:
            sets, bounds = stack.pop()
            promising = bounds > self.best + 1 - self.slack
            sets, bounds = sets[promising], bounds[promising]
            if len(sets) > self.budget:
                stack.append((sets, bounds))
                break
            self.budget -= len(sets)
            if len(sets):
                stack += self._larger(sets)
        # What was not looked at decides no more than its bounds.
        open_ends = max((float(bounds.max()) for _, bounds in stack),
                        default=0.0)
        bound = max(self.best, min(above, floor(open_ends + self.slack)))
        return Decided(self.best, bound, self.workers)

    def _larger(self, sets: Sets) -> list[tuple[Sets, Bounds]]:
        """Blocks of sets with one worker more, the best last."""
        left = self.q - int(np.count_nonzero(sets[0] == CHOSEN))
        missing = self.wanted - (sets == CHOSEN) @ self.table.T
        done = (missing <= 0) @ self.weights
        gains = _shares(missing, left) @ self.weighted
        gains[sets != FREE] = -1
        if left == 1:
            self._weigh(sets, gains, done)
            return []
        # Most sets end here, before anything is sorted.
        most = np.partition(gains, -left, axis=1)[:, -left:].sum(axis=1)
        kept = done + most > self.best + 1 - self.slack
        return self._branches(sets[kept], gains[kept], done[kept], left)

    def _weigh(self, sets: Sets, gains: npt.NDArray[np.float32],
              done: npt.NDArray[np.int64]) -> None:
        """Keep the best of the sets with their last worker, if it is better.

        What the last one gains is a number of files, not a bound.
        """
        row = int((done + gains.max(axis=1)).argmax())
        last = int(gains[row].argmax())
        count = int(done[row]) + round(float(gains[row, last]))
        if count > self.best:
            chosen = [*np.flatnonzero(sets[row] == CHOSEN).tolist(), last]
            self.best, self.workers = count, tuple(sorted(chosen))

    def _branches(self, sets: Sets, gains: npt.NDArray[np.float32],
                  done: npt.NDArray[np.int64],
                  left: int) -> list[tuple[Sets, Bounds]]:
        """Blocks of the larger sets that may be better than the best."""
        order = np.argsort(-gains, axis=1)
        sums = np.take_along_axis(gains, order, axis=1).astype(np.float64)

        # Beginning with the n-th best, n to n + left - 1 promise the most;
        # less than 0 where so many are not free.
        ends = np.cumsum(sums, axis=1)
        bounds = ends[:, left - 1:] + done[:, None]
        bounds[:, 1:] -= ends[:, :-left]
        bounds[sums[:, left - 1:] < 0] = -1
        row, place = np.nonzero(bounds > self.best + 1 - self.slack)
        promise = np.argsort(bounds[row, place], kind='stable')
        row, place = row[promise], place[promise]
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[1])[None], 1)
        found = []
        for at in range(0, len(row), self.rows):
            rows, places = (it[at:at + self.rows] for it in (row, place))
            larger = sets[rows]
            ahead = rank[rows] < places[:, None]
            larger[ahead & (larger == FREE)] = BARRED
            larger[np.arange(rows.size), order[rows, places]] = CHOSEN
            found.append((larger, bounds[rows, places]))
        return found
