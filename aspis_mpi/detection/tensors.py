"""The named tensors of a gradient: where two differ, and by how much."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from aspis_mpi.arrays import Vector, norm

#: Tensors that a proof tells of, at most.
MOST = 8
#: Groups of tensors that are told apart before the first step, at most.
GROUPS = 64


class TensorDifference(NamedTuple):
    """One tensor in which a worker was wrong."""

    tensor: str
    distance: float             # over the norm of the right one; infinite
    #                             where that is 0, or not all are numbers
    entries: int                # with other bits
    size: int                   # entries of the tensor


class Tensors:
    """The tensors that lie one after the other in a flat vector.

    Parameters
    ----------
    sizes : dict of str to int
        Names, and numbers of entries; none where they have no names.

    Attributes
    ----------
    names : list of str
    cuts : list of slice
        Places of the tensors in the vector.
    """

    def __init__(self, sizes: Mapping[str, int]):
        self.names = list(sizes)
        ends = np.cumsum([0, *sizes.values()], dtype=int).tolist()
        self.cuts = [slice(*it) for it in zip(ends, ends[1:])]
        # Each group has the same number of tensors, or one more.
        self._groups = [it for it in np.array_split(
            np.arange(len(self.names)), GROUPS) if it.size]

    def __bool__(self) -> bool:
        return bool(self.names)

    @property
    def groups(self) -> list[slice]:
        """Places of neighbouring tensors, in at most `GROUPS` pieces."""
        return [slice(self.cuts[it[0]].start, self.cuts[it[-1]].stop)
                for it in self._groups]

    def group(self, number: int) -> str:
        """The name of a group: of its tensor, or of the first and last.

        >>> Tensors({'weight': 8, 'bias': 2}).group(1)
        'bias'
        """
        first, last = (self.names[it] for it in
                       self._groups[number][[0, -1]])
        return first if first == last else f'{first} to {last}'

    def differing(self, one: Vector, other: Vector) -> list[str]:
        """Names of the tensors in which two vectors have other bits.

        Parameters
        ----------
        one, other : ndarray of float32, shape (d,)

        Returns
        -------
        list of str
            In the order of the vector.
        """
        return [name for name, cut in zip(self.names, self.cuts)
                if _entries(one[cut], other[cut])]

    def differences(self, right: Vector,
                    sent: Vector) -> tuple[TensorDifference, ...]:
        """The tensors in which what was sent differs the most.

        Parameters
        ----------
        right, sent : ndarray of float32, shape (d,)

        Returns
        -------
        tuple of TensorDifference
            By falling distance, at most `MOST`.
        """
        found = []
        for name, cut in zip(self.names, self.cuts):
            entries = _entries(right[cut], sent[cut])
            if entries:
                found.append(TensorDifference(
                    name, _distance(right[cut], sent[cut]), entries,
                    cut.stop - cut.start))
        return tuple(sorted(found, key=lambda it: -it.distance)[:MOST])


def _entries(one: Vector, other: Vector) -> int:
    """Number of entries with other bits."""
    return int(np.count_nonzero(one.view(np.int32) != other.view(np.int32)))


def _distance(right: Vector, sent: Vector) -> float:
    with np.errstate(all='ignore'):
        apart, whole = norm(sent - right), norm(right)
        distance = apart / whole if whole else np.inf
    return float(distance) if np.isfinite(distance) else np.inf
