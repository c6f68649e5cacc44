"""Sums of micro-batches: one after the other, or along a fixed binary tree.

Floating-point sums have other bits in another order.  A *flat* sum adds each
micro-batch to all before it, so that only who has computed the first half can
go on with the second.  In the *tree* the micro-batches of a file are leaves,
numbered from 0, and node i of level k is the sum of nodes 2i and 2i + 1 of
level k - 1, the left one first; where there is no right one it is the left
one.  So a node has the same bits whoever computes it, and two halves that two
workers have computed add up to the bits of the whole.
"""

import numpy as np

from aspis_mpi.arrays import Vector


class TreeSum:
    """The sum along the tree, as far as its nodes are complete.

    Parameters
    ----------
    out : ndarray of float32, shape (d,)
        Zeros; receives the sum.
    spare : list of ndarray of float32, shape (d,)
        Vectors to use, and where they are left; `most_spare` are enough.
    """

    def __init__(self, out: Vector, spare: list[Vector]):
        self._out = out
        self._spare = spare
        # Complete nodes from left to right, of falling level: those that the
        # ones in the binary form of the number of leaves stand for.
        self._nodes: list[Vector] = []
        self._leaves = 0
        self._leaf: Vector | None = None

    def next(self) -> Vector:
        """Zeros, to which the gradient of the next micro-batch is added."""
        if not self._leaves:
            return self._out
        if self._leaf is None:
            self._leaf = (self._spare.pop() if self._spare
                          else np.empty_like(self._out))
        self._leaf.fill(0)
        return self._leaf

    def added(self) -> None:
        """Take note that it was: add up the nodes that are complete now."""
        leaf, self._leaf = self._leaf, None
        self._nodes.append(self._out if leaf is None else leaf)
        self._leaves += 1
        both = self._leaves
        while not both & 1:
            self._merge()
            both >>= 1

    def _merge(self) -> None:
        right = self._nodes.pop()
        with np.errstate(over='ignore', invalid='ignore'):
            np.add(self._nodes[-1], right, out=self._nodes[-1])
        self._spare.append(right)

    def close(self) -> None:
        """Add up what is left, from the right: the sum is in its place."""
        while len(self._nodes) > 1:
            self._merge()

    def release(self) -> None:
        """Give back the vectors."""
        self._spare.extend(self._nodes[1:])
        if self._leaf is not None:
            self._spare.append(self._leaf)
        self._nodes, self._leaf = [], None


def most_spare(n_leaves: int) -> int:
    """Vectors that a sum along the tree needs besides its own.

    >>> [most_spare(n) for n in (1, 2, 3, 4, 7, 8, 1000)]
    [0, 1, 1, 2, 2, 3, 9]
    """
    return n_leaves.bit_length() - 1


def leaves(n_samples: int, micro_batch: int) -> int:
    """The number of micro-batches of a file.

    >>> leaves(128, 64), leaves(129, 64)
    (2, 3)
    """
    return -(-n_samples // micro_batch)
