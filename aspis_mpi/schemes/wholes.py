"""Whole files, put together from the nodes of their trees.

See `aspis_mpi.assignment.splitting`.  An aggregation gets whole files, so that
it does the same whether they were split or not.
"""

from collections.abc import Sequence

import numpy as np

from aspis_mpi.arrays import Ints, Vector
from aspis_mpi.assignment.splitting import Node

#: In a list of steps: add the last two sums, the one before on the left.
ADD = -1


class Wholes:
    """The files whose nodes are the files of a design.

    Parameters
    ----------
    nodes : sequence of Node
        What each file of the design is, ascending.
    """

    def __init__(self, nodes: Sequence[Node]):
        self._whole = np.array([node.file for node in nodes])
        places: list[dict[tuple[int, int], int]] = [
            {} for _ in range(self.n_files)]
        for number, node in enumerate(nodes):
            places[node.file][node.level, node.index] = number
        self._steps = list(map(steps, places))
        self._spare: list[Vector] = []
        self._lent: list[Vector] = []

    @property
    def n_files(self) -> int:
        """The number of whole files."""
        return int(self._whole[-1]) + 1

    @property
    def most_vectors(self) -> int:
        """Vectors that `join` makes and keeps, at most."""
        peaks = [peak(one) for one in self._steps]
        return int(np.count_nonzero(peaks)) + max(0, max(peaks) - 1)

    def join(self, rows: Sequence[Vector], files: Ints,
             samples: Ints) -> tuple[list[Vector], Ints]:
        """Add up the nodes of each file along its tree.

        Parameters
        ----------
        rows : sequence of ndarray of float32, shape (d,)
            The sum over the samples of each node that is there.
        files : ndarray of int, shape (n,)
            Their numbers, ascending.
        samples : ndarray of int, shape (n,)

        Returns
        -------
        list of ndarray of float32, shape (d,)
            Of each file of which a node is there, ascending: the sum of
            those that are.  Valid until the next call.
        ndarray of int
            Samples of each.
        """
        self._spare += self._lent
        self._lent = []
        there = dict(zip(files.tolist(), rows))
        wholes, first = np.unique(self._whole[files], return_index=True)
        return ([self._sum(self._steps[whole], there)
                 for whole in wholes.tolist()],
                np.add.reduceat(samples, first))

    def _sum(self, todo: Sequence[int], there: dict[int, Vector]) -> Vector:
        """The sum of a file of which something is there."""
        sums: list[Vector | None] = []
        for number in todo:
            if number != ADD:
                sums.append(there.get(number))
                continue
            right, left = sums.pop(), sums.pop()
            sums.append(right if left is None else left if right is None
                        else self._both(left, right))
        return next(it for it in sums if it is not None)

    def _both(self, left: Vector, right: Vector) -> Vector:
        """The sum of two, in one of them where that is not a worker's."""
        own = [it for it in (left, right) if self._is_lent(it)]
        if not own:
            own = [self._spare.pop() if self._spare else np.empty_like(left)]
            self._lent += own
        with np.errstate(over='ignore', invalid='ignore'):
            np.add(left, right, out=own[0])
        if len(own) > 1:
            self._lent = [it for it in self._lent if it is not own[1]]
            self._spare.append(own[1])
        return own[0]

    def _is_lent(self, vector: Vector) -> bool:
        return any(vector is own for own in self._lent)


def steps(places: dict[tuple[int, int], int]) -> list[int]:
    """The order in which nodes of a tree are added up.

    Parameters
    ----------
    places : dict of (int, int) to int
        The number of each node, by level and index.

    Returns
    -------
    list of int
        Numbers, and `ADD` behind the two sums that are added (reverse Polish
        notation).

    >>> steps({(0, 2): 7, (1, 0): 5})
    [5, 7, -1]
    >>> steps({(2, 0): 1, (1, 2): 2, (0, 6): 3})
    [1, 2, 3, -1, -1]
    """
    above = {(level + up, index >> up) for level, index in places
             for up in range(1, 64)}

    def below(level: int, index: int) -> list[int]:
        if (level, index) in places:
            return [places[level, index]]
        if (level, index) not in above:
            return []
        left = below(level - 1, 2 * index)
        right = below(level - 1, 2 * index + 1)
        return left + right + [ADD] * bool(left and right)

    return below(max(level + index.bit_length() for level, index in places),
                 0)


def peak(todo: Sequence[int]) -> int:
    """Sums of more than one node that there are at once, at most.

    >>> peak([5]), peak([5, 7, -1]), peak([0, 1, -1, 2, 3, -1, -1])
    (0, 1, 2)
    """
    made: list[bool] = []
    most = 0
    for number in todo:
        if number == ADD:
            made[-2:] = [True]
        else:
            made.append(False)
        most = max(most, sum(made))
    return most
