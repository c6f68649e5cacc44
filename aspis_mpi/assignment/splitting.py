"""Files of uneven sizes, split into units of a design that cost as much.

A file is a binary tree over its micro-batches (leaves): node i of level k has
the leaves from i 2^k on, 2^k of them or what is left of the file.  All leaves
of all files, in this order, are cut into as many stretches as a design has
files, of nearly equal cost.  A stretch is a *unit*: whoever has a file of the
design has all nodes of that unit.  Each node is a file of its own from then
on, computed, sent, voted on and certified like any other; whole files are put
together from their nodes along the tree, with the bits that they would have
had in one piece.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from aspis_mpi.arrays import Floats, Ints
from aspis_mpi.assignment.base import Assignment

#: Share of a unit by which a cut may be away from where it should be, for
#: the sake of fewer nodes.
SLACK = 0.07


class Node(NamedTuple):
    """A node of the tree of a file.

    Attributes
    ----------
    file : int
        Whose it is.
    level, index : int
        Where in its tree; level 0 has the leaves.
    """

    file: int
    level: int
    index: int

    @property
    def first(self) -> int:
        """Its first leaf."""
        return self.index << self.level


@dataclass(frozen=True, eq=False)
class Split:
    """The nodes that are files of their own.

    Attributes
    ----------
    nodes : list of Node
        In the order of files and leaves: n of them.
    units : ndarray of int, shape (n,)
        The unit of each, ascending.
    samples : ndarray of int, shape (n,)
        Of each.
    """

    nodes: list[Node]
    units: Ints
    samples: Ints


def split(sizes: Ints, micro_batch: int, n_units: int) -> Split:
    """Cut files into units of nearly equal size, and these into nodes.

    Parameters
    ----------
    sizes : ndarray of int, shape (F,)
        Samples of each file, at least 1.
    micro_batch : int
        Samples of a leaf; the last one of a file has what is left.
    n_units : int
        At most as many as there are leaves.

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        There are fewer leaves than units.

    Notes
    -----
    A cut is made where it makes fewest nodes, of the places that are at most
    `SLACK` of a unit away from where it should be: best between two files,
    else at the leaf whose number has most factors 2.  Where there is none it
    is made at the nearest place, so that a unit has at most
    1 + 2 max(SLACK, c / 2) times the mean, c the size of a leaf in units.
    A unit has at most 2 log2 m nodes of a file of m leaves.

    >>> cut = split(np.array([8, 3, 1]), 1, 3)
    >>> [tuple(node) for node in cut.nodes]
    [(0, 2, 0), (0, 2, 1), (1, 2, 0), (2, 0, 0)]
    >>> cut.units.tolist(), cut.samples.tolist()
    ([0, 1, 2, 2], [4, 4, 3, 1])
    """
    leaves = -(-sizes // micro_batch)
    total = int(leaves.sum())
    if total < n_units:
        raise ValueError(f'there are {total} micro-batches, fewer than the '
                         f'{n_units} files of the design; make '
                         'problem.micro_batch smaller than '
                         f'{micro_batch}')
    file = np.repeat(np.arange(len(sizes)), leaves)
    place = np.arange(total) - np.repeat(leaves.cumsum() - leaves, leaves)
    samples = np.minimum(micro_batch, sizes[file] - place * micro_batch)
    cuts = _cuts(np.concatenate(([0], np.cumsum(samples))), place, n_units)

    nodes: list[Node] = []
    units: list[int] = []
    for unit, (begin, end) in enumerate(zip(cuts[:-1], cuts[1:])):
        some = _nodes(file[begin:end], place[begin:end], leaves)
        nodes += some
        units += [unit] * len(some)
    starts = np.array([node.first for node in nodes]) * micro_batch
    whole = sizes[[node.file for node in nodes]]
    widths = micro_batch << np.array([node.level for node in nodes])
    return Split(nodes, np.array(units), np.minimum(widths, whole - starts))


def _cuts(ends: Ints, place: Ints, n_units: int) -> list[int]:
    """The leaves with which units begin, and the number of all.

    Parameters
    ----------
    ends : ndarray of int, shape (L + 1,)
        Samples of all leaves before each, and of all.
    place : ndarray of int, shape (L,)
        Of each leaf in its file.
    n_units : int
    """
    total, unit = len(place), ends[-1] / n_units
    cuts = [0]
    for number in range(1, n_units):
        wanted = number * unit
        low, high = cuts[-1] + 1, total - (n_units - number)
        first = int(np.searchsorted(ends, wanted - SLACK * unit))
        last = int(np.searchsorted(ends, wanted + SLACK * unit, 'right'))
        near = range(max(low, first), min(high + 1, last))
        if near:
            # The fewer nodes, then the nearer one.
            cut = min(near, key=lambda leaf: (
                -_coarse(int(place[leaf])), abs(ends[leaf] - wanted)))
        else:
            cut = int(np.abs(ends[low:high + 1] - wanted).argmin()) + low
        cuts.append(cut)
    return [*cuts, total]


def _coarse(place: int) -> float:
    """The level of the largest node that begins with a leaf."""
    return np.inf if not place else (place & -place).bit_length() - 1


def _nodes(file: Ints, place: Ints, leaves: Ints) -> list[Node]:
    """The fewest nodes that are all leaves of a unit, in their order."""
    found, done = [], 0
    while done < len(file):
        number, begin = int(file[done]), int(place[done])
        n_leaves = int(leaves[number])
        end = begin + int(np.count_nonzero(file[done:] == number))
        level = 0
        # The node above is the unit's too where it begins with the same leaf
        # and does not end behind the unit.
        while (begin % (2 << level) == 0 and 1 << level < n_leaves
               and min(begin + (2 << level), n_leaves) <= end):
            level += 1
        found.append(Node(number, level, begin >> level))
        done += min(1 << level, n_leaves - begin)
    return found


class Units(Assignment):
    """A design whose files are units of several files each.

    Parameters
    ----------
    design : Assignment
    units : ndarray of int, shape (n_files,)
        The file of the design that each file is in, ascending.
    width : int, optional
        See `Assignment`.
    """

    def __init__(self, design: Assignment, units: Ints,
                 width: int | None = None):
        self._design = design
        self._units = units
        self._sizes = np.bincount(units, minlength=design.n_files)
        self._begins = np.cumsum(self._sizes) - self._sizes
        order = self._ordered(design.order, width or 0)
        super().__init__(design.incidence[units], order, order.shape[1])
        self.replicated_by = design.replicated_by
        self.names_seed = design.names_seed

    def _named(self, names: Ints) -> Self:
        other = super()._named(names)
        other._design = self._design._named(names)
        return other

    @property
    def by_units(self) -> Assignment:
        """The design."""
        return self._design

    def of_units(self, layout: Assignment) -> 'Units':
        """See `Assignment.of_units`."""
        return Units(layout, self._units, self.width)

    def order_of_units(self, order: Ints) -> Ints:
        """See `Assignment.order_of_units`."""
        rows = [list(dict.fromkeys(self._units[row[row >= 0]].tolist()))
                for row in order]
        return _table(rows, max(map(len, rows)))

    def costs_of_units(self, costs: Floats) -> Floats:
        """See `Assignment.costs_of_units`."""
        return np.bincount(self._units, costs, self._design.n_files)

    def _ordered(self, order: Ints, width: int) -> Ints:
        """The order of units as one of files."""
        rows = [[file for unit in row[row >= 0].tolist()
                 for file in range(self._begins[unit],
                                   self._begins[unit] + self._sizes[unit])]
                for row in order]
        return _table(rows, max(width, *map(len, rows)))

    def most_in(self, units: int) -> int:
        """The most files in so many units."""
        return int(np.sort(self._sizes)[::-1][:units].sum())

    def majorities(self, q: int) -> int:
        """As of the design, whose largest units these may be."""
        return min(super().majorities(q),
                   self.most_in(self._design.majorities(q)))

    def touched(self, q: int) -> int:
        """As of the design, whose largest units these may be."""
        return min(super().touched(q), self.most_in(self._design.touched(q)))

    def unanimous(self, q: int) -> int:
        """As of the design, whose largest units these may be."""
        return min(super().unanimous(q),
                   self.most_in(self._design.unanimous(q)))


def _table(rows: list[list[int]], width: int) -> Ints:
    """Rows of numbers, padded with -1."""
    table = np.full((len(rows), width), -1, dtype=np.int32)
    for row, numbers in zip(table, rows):
        row[:len(numbers)] = numbers
    return table
