"""A sum that a worker has sent, and what is known of it."""

from dataclasses import dataclass, field

import numpy as np

from aspis_mpi.arrays import Floats, Ints
from aspis_mpi.schemes.spot.case import Case
from aspis_mpi.schemes.tables.payloads import Payload
from aspis_mpi.schemes.tables.table import Lent


@dataclass(eq=False)
class Sent:
    """One sum of a worker in a step.

    Attributes
    ----------
    payload : Payload
    norms : ndarray of float64, shape (n pieces,)
    epoch : int
        In which it came.
    ratios : ndarray of float64, shape (1 + n pieces,), or None
        Its norms over the usual ones.
    alarm : bool
        One of them is far above those of others.
    asked : bool
        Its sender was challenged.
    shown : ndarray of float64, shape (n, k + 1, 1), or None
        Its sender's sketches of its files.
    fits : bool
        It is what these add up to, where it was challenged.
    bad : bool
        It is not to be used.
    owes : bool
        Its sender has not answered for it.
    of_files : ndarray of float64, shape (n,), or None
        As `ratios`, of each of its files.
    cases : dict of int to Case
        Of its files, those that are looked at.
    """

    payload: Payload
    norms: Floats
    epoch: int
    ratios: Floats | None = None
    alarm: bool = False
    asked: bool = False
    shown: Floats | None = None
    fits: bool = True
    bad: bool = False
    owes: bool = False
    of_files: Floats | None = None
    cases: dict[int, Case] = field(default_factory=dict)

    @classmethod
    def of(cls, worker: int, files: Ints, buffer: Lent, norms: Floats,
           epoch: int) -> 'Sent':
        """A sum of whole gradients, of files in ascending order."""
        n = len(files)
        return cls(Payload(worker, files, np.ones((n, 1)), np.ones(n),
                           np.ones(1), False, buffer.values, buffer), norms,
                   epoch)

    @property
    def worker(self) -> int:
        """Its sender."""
        return self.payload.worker

    @property
    def files(self) -> Ints:
        """In it, ascending."""
        return self.payload.files

    def of_file(self, file: int) -> Floats:
        """The sketch of one of its files, as its sender shows it."""
        if self.shown is None:
            raise ValueError(f'worker {self.worker} has shown nothing')
        return np.asarray(self.shown[np.searchsorted(self.files, file)])
