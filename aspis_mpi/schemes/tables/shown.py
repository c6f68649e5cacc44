"""Values shown of a step's files, replicas or sketches of them.

Audits and the search for odd workers ask no more than this.
"""

from abc import ABC, abstractmethod

import numpy as np

from aspis_mpi.arrays import Bools, Floats, Ints, Vector
from aspis_mpi.detection.equality import BITS, Equality
from aspis_mpi.detection.evidence import Evidence
from aspis_mpi.detection.spread import spread


class Shown(ABC):
    """The values that workers have shown, one a worker and file at most.

    Parameters
    ----------
    holders : ndarray of int, shape (f, r)
        Workers of each file, padded with -1.
    n_workers : int

    Attributes
    ----------
    odd : ndarray of bool, shape (K,)
        Workers whose values do not count any more; see `schemes.odd`.
    """

    # Distances of the values of each file, (f, r, r), and the thresholds for
    # them; none where bits are compared.
    _distances: Floats | None = None
    _equality: Equality = BITS

    def __init__(self, holders: Ints, n_workers: int):
        self._holders = holders
        self._n_workers = n_workers
        self._labels = np.full(holders.shape, -1, dtype=np.int16)
        self.odd = np.zeros(n_workers, dtype=bool)

    @property
    def beyond(self) -> Bools | None:
        """Pairs that are beyond tolerance, (f, r, r); None for bits."""
        if self._distances is None:
            return None
        return ~(self._distances <= self._equality.tolerance)

    def spread(self, q: int) -> float:
        """Difference of all but q workers; NaN for bits.

        See `detection.spread`.
        """
        if self._distances is None:
            return np.nan
        return spread(self._distances, self._labels >= 0, self._holders,
                      self._n_workers, q)

    def disregard(self, workers: Bools) -> None:
        """Let nothing count any more that some workers (K,) have shown."""
        self.odd = self.odd | workers

    def senders(self, file: int, believed: Bools) -> Ints:
        """Believed workers whose value for a file is here, ascending."""
        holders = self._holders[file]
        here = (holders >= 0) & (self._labels[file] >= 0)
        return holders[here & believed[holders]]

    def copies(self) -> Ints:
        """Workers that showed each file, uint16 (f,)."""
        return np.count_nonzero(self._labels >= 0, axis=1).astype(np.uint16)

    @abstractmethod
    def evidence(self) -> Evidence:
        """The `Evidence` of what has come so far."""

    @abstractmethod
    def norm(self, worker: int, file: int) -> float:
        """Norm of a file as a worker shows it."""

    @abstractmethod
    def against(self, file: int, workers: Ints,
                values: Vector) -> tuple[Bools, Bools]:
        """Compare what workers showed of a file with the server's own.

        Parameters
        ----------
        file : int
        workers : ndarray of int, shape (n,)
            Some of those whose value is here.
        values : ndarray of float32, shape (d,)

        Returns
        -------
        supports, disagrees : ndarray of bool, shape (n,)
        """
