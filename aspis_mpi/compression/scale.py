"""The server's grid: begun before the first step, sent, followed."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from aspis_mpi.arrays import Array, Vector
from aspis_mpi.compression.base import Accepted, Codec, Compression
from aspis_mpi.compression.grid import Grid

#: Given the parameters, gradients of some files there, one at a time.
Gradients = Callable[[Vector], Iterable[Vector]]


class Clipping(NamedTuple):
    """Facts of a step about its grid; NaN without one.

    Attributes
    ----------
    share : float
        Of the entries of used files that were clipped.
    scale : float
        Step of the median block.
    """

    share: float = np.nan
    scale: float = np.nan


class Scale:
    """The grid of a run, as far as its compression has one.

    Parameters
    ----------
    compression : Compression
    gradients : callable
        Of which the first grid is made.
    """

    def __init__(self, compression: Compression, gradients: Gradients):
        self._compression = compression
        self._gradients = gradients
        self._grid: Grid | None = None

    def codec(self, step: int, parameters: Vector) -> Codec:
        """The codec of a step, which begins at these parameters."""
        if self._grid is None:
            self._grid = self._compression.first(self._gradients(parameters))
        packed = b'' if self._grid is None else self._grid.pack()
        return self._compression.at(step, packed)

    def follow(self, accepted: Accepted | None) -> Clipping:
        """Go on from a step with an update; what it says of its grid."""
        if self._grid is None or accepted is None:
            return Clipping()
        said = Clipping(accepted.share, self._compression.scale(self._grid))
        self._grid = self._compression.follow(self._grid, accepted)
        return said

    def export(self) -> Array:
        """The state that a checkpoint keeps, int8 (2, B) or empty."""
        if self._grid is None:
            return np.zeros((2, 0), dtype=np.int8)
        return self._grid.state()

    def restore(self, state: Array) -> None:
        """Take back what was exported; nothing: a grid is begun anew."""
        self._grid = Grid.restored(state) if state.size else None
