"""Difference families: base blocks that are turned round a cycle.

The points are the numbers modulo m, maybe with one more that stays where it
is.  A base block is moved by 1, 2, ... m - 1; two points lie in lambda blocks
if each difference other than 0 comes lambda times in the base blocks.  A
block that is a subgroup, or one and the fixed point, comes back to itself
after m/r or m/(r - 1) moves, and counts for less.

References
----------
Abel and Buratti, "Difference families", in Colbourn and Dinitz, "Handbook of
combinatorial designs", 2nd edition, 2007, section VI.16.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

#: Points are tried at most so often in each search.  What is found does not
#: depend on the machine.
MOST_TRIED = 500_000
#: In all searches of a family together, where many ways of short blocks are
#: possible: so many times as often.
MOST_SEARCHES = 4
#: Calls within calls of a search, which Python bounds.
DEEPEST = 800

#: Base blocks modulo K that a search does not find so soon, those of a short
#: orbit last: planes of order 8 and 9 (J. Singer, "A theorem in finite
#: projective geometry", 1938, as in the Handbook, section VI.18), and what
#: the search below finds with 5,000,000 tries.
STATED = {
    (61, 5, 1): ((0, 1, 3, 13, 34), (0, 4, 9, 23, 45), (0, 6, 17, 24, 32)),
    (64, 4, 1): ((0, 1, 3, 7), (0, 5, 17, 39), (0, 8, 21, 41),
                 (0, 9, 19, 37), (0, 11, 26, 40), (0, 16, 32, 48)),
    (65, 5, 1): ((0, 1, 3, 31, 45), (0, 4, 10, 19, 57), (0, 5, 16, 41, 48),
                 (0, 13, 26, 39, 52)),
    (73, 9, 1): ((0, 1, 3, 7, 15, 31, 36, 54, 63),),
    (91, 10, 1): ((0, 1, 3, 9, 27, 49, 56, 61, 77, 81),),
}


class Family(NamedTuple):
    """Base blocks over the numbers modulo m.

    `whole` are moved m times, `short` as often as they differ; the point -1
    stays where it is.
    """

    m: int
    whole: tuple
    short: tuple


def exists(n_workers, replication, shared, tried=MOST_TRIED):
    """True if a family is stated, or found with so many tries a search."""
    return _family(n_workers, replication, shared, tried) is not None


def blocks(n_workers, replication, shared):
    """The blocks of all moves, int (f, r).

    Parameters
    ----------
    n_workers, replication, shared : int
        For which `exists` is true.

    >>> blocks(7, 3, 1).tolist()[:3]
    [[0, 1, 3], [1, 2, 4], [2, 3, 5]]
    """
    family = _family(n_workers, replication, shared)
    moves = [(base, family.m) for base in family.whole]
    moves += [(base, family.m // sum(point >= 0 for point in base))
              for base in family.short]
    return np.array([[(point + move) % family.m if point >= 0 else family.m
                      for point in base]
                     for base, length in moves for move in range(length)])


@cache
def _family(n_workers, replication, shared, tried=MOST_TRIED):
    """A `Family` of such a design, or None."""
    key = n_workers, replication, shared
    if key in STATED:
        return _stated(n_workers, STATED[key])
    if not counts_fit(*key):
        return None
    left = MOST_SEARCHES * tried
    for start in _starts(*key):
        search = _Search(start, replication, min(tried, left))
        whole = search.found()
        if whole is not None:
            return Family(start.m, whole, start.short)
        left -= search.tries
        if left <= 0:
            break
    return None


def _stated(m, base_blocks):
    """A family of stated blocks; a subgroup comes back after m/r moves."""
    short = tuple(base for base in base_blocks
                  if base == tuple(range(0, m, base[1])))
    return Family(m, tuple(base for base in base_blocks
                           if base not in short), short)


def counts_fit(n_workers, replication, shared):
    """True if files and loads are whole, and files not fewer than workers.

    Every balanced design has such numbers, with K = n_workers, r =
    replication.
    """
    load, rest = divmod(shared * (n_workers - 1), replication - 1)
    files, remains = divmod(n_workers * load, replication)
    # Fisher's inequality, for r < K.
    return not rest and not remains and files >= n_workers


class _Start(NamedTuple):
    """A family's short blocks, and what its whole ones have to add.

    `fixed` of them hold the fixed point.
    """

    m: int
    short: tuple
    fixed: int
    needed: tuple               # of each difference


def _starts(k, r, shared):
    """The ways in which short blocks can be a part of a family."""
    for short in range(shared + 1 if k % r == 0 else 1):
        yield _start(k, tuple(range(0, k, k // r)), short, 0, shared)
    # The fixed point meets the others once in a short block, r - 1 times in
    # the moves of a whole one.
    m = k - 1
    for fixed in range(shared // (r - 1) + 1):
        short = shared - fixed * (r - 1)
        if short and (m % (r - 1) or r == 2):
            continue
        turned = tuple(range(0, m, m // (r - 1))) if short else ()
        yield _start(m, (*turned, -1), short, fixed, shared)


def _start(m, block, times, fixed, shared):
    needed = [0] + [shared] * (m - 1)
    if times:
        for point in block[1:]:
            if point > 0:
                needed[point] -= times
    return _Start(m, (block,) * times, fixed, tuple(needed))


class _Search:
    """A search of whole base blocks, the smallest missing difference first."""

    def __init__(self, start, r, tried):
        self.m, self.r = start.m, r
        self.needed = list(start.needed)
        self.fixed = start.fixed
        self.tried = self.left = tried
        self.chosen = []
        total = sum(self.needed) - self.fixed * (r - 1) * (r - 2)
        self.plain, rest = divmod(total, r * (r - 1))
        self.possible = not rest and self.plain >= 0 and (
            r * (self.plain + self.fixed) <= DEEPEST)

    @property
    def tries(self):
        """Number of points that were tried."""
        return self.tried - self.left

    def found(self):
        """The base blocks, or None."""
        if not self.possible or min(self.needed) < 0:
            return None
        return tuple(self.chosen) if self._add_block() else None

    def _add_block(self):
        """Find all blocks that are still missing."""
        missing = next((d for d, n in enumerate(self.needed) if n), None)
        if missing is None:
            return not (self.fixed or self.plain)
        for kind, size in ('plain', self.r), ('fixed', self.r - 1):
            more = getattr(self, kind)
            if not more or size < 2:
                continue
            setattr(self, kind, more - 1)
            taken = self._take([0], missing)
            if taken and self._add_points([0, missing], size, 1):
                return True
            self._give_back(taken)
            setattr(self, kind, more)
        return False

    def _add_points(self, block, size, least):
        """Complete a block by ascending points, and then the others."""
        if len(block) == size:
            fixed = (-1,) * (self.r - size)
            self.chosen.append((*block, *fixed))
            if self._add_block():
                return True
            self.chosen.pop()
            return False
        for point in range(least, self.m):
            if point in block or self.left <= 0:
                continue
            self.left -= 1
            taken = self._take(block, point)
            if taken and self._add_points([*block, point], size, point + 1):
                return True
            self._give_back(taken)
        return False

    def _take(self, block, point):
        """The differences of a point to a block, if all are needed; or []."""
        taken = []
        for other in block:
            for difference in ((point - other) % self.m,
                               (other - point) % self.m):
                self.needed[difference] -= 1
                taken.append(difference)
                if self.needed[difference] < 0:
                    self._give_back(taken)
                    return []
        return taken

    def _give_back(self, taken):
        for difference in taken:
            self.needed[difference] += 1
