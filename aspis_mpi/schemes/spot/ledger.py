"""The sums of a step, epoch after epoch: who owes one, and which count."""

import numpy as np

from aspis_mpi.assignment.reassignment import dealt
from aspis_mpi.detection.base import MISSING
from aspis_mpi.schemes.spot.sent import Sent


class Ledger:
    """The sums that workers send in a step.

    Parameters
    ----------
    assignment : Assignment
        Each file has one worker, in the first epoch.

    Attributes
    ----------
    epoch : int
        0 for the sums of all workers; in later ones others make those that
        are missing.
    sent : list of Sent
        Of all epochs.
    """

    def __init__(self, assignment):
        self._width = assignment.width
        self._shape = assignment.incidence.shape
        self.epoch, self.sent = 0, []
        # The last sum of each worker, and the files of its next.
        self._last = {}
        self._owned = {worker: np.sort(assignment.files(worker))
                       for worker in range(self._shape[1])}

    @property
    def senders(self):
        """Workers whose sum of this epoch is used or awaited, bool (K,)."""
        return np.array([files.size > 0 for files in self._owned.values()])

    @property
    def arrived(self):
        """Workers whose sum of this epoch is here, bool (K,)."""
        here = np.zeros(self._shape[1], dtype=bool)
        here[[it.worker for it in self.fresh]] = True
        return here

    @property
    def fresh(self):
        """Sums of this epoch that are not known to be bad."""
        return [it for it in self.sent
                if it.epoch == self.epoch and not it.bad]

    @property
    def used(self):
        """Sums of all epochs that are not known to be bad."""
        return [it for it in self.sent if not it.bad]

    @property
    def missing(self):
        """Files that are in no sum to be used, (n,), ascending."""
        there = np.zeros(self._shape[0], dtype=bool)
        for it in self.used:
            there[it.files] = True
        return np.flatnonzero(~there)

    def fresh_of(self, worker):
        """The sum of a worker of this epoch that is used; None if none is."""
        it = self._last.get(worker)
        return it if it and it.epoch == self.epoch and not it.bad else None

    def take(self, worker, buffer, norms):
        """Take the sum of a worker's files of this epoch."""
        it = self._last[worker] = Sent.of(
            worker, self._owned[worker], buffer, norms, self.epoch)
        self.sent.append(it)

    def replace(self, able, work):
        """Begin another epoch: others have the files that are missing.

        Those whose sums are bad only where there is nobody else.

        Parameters
        ----------
        able : ndarray of bool, shape (K,)
            Workers that can be asked.
        work : ndarray of int, shape (f,), or None
            Of each file, where they are not alike.

        Returns
        -------
        dict of int to ndarray of int
            Files by worker; without any nothing begins.
        """
        suspect = np.zeros_like(able)
        suspect[[it.worker for it in self.sent if it.bad]] = True
        workers = np.flatnonzero(
            able & ~suspect if (able & ~suspect).any() else able).tolist()
        if not workers:
            return {}
        given = dealt(self.missing.tolist(), workers, self._width, work)
        self.epoch += 1
        self._owned = {worker: np.array(given.get(worker, []), dtype=int)
                       for worker in self._owned}
        return {worker: files for worker, files in self._owned.items()
                if files.size}

    def sources(self):
        """Origin of what is used of each file.

        Returns
        -------
        source : ndarray of int16, shape (f,)
        contributors : ndarray of bool, shape (f, K)
        """
        source = np.full(self._shape[0], MISSING, dtype=np.int16)
        contributors = np.zeros(self._shape, dtype=bool)
        for it in self.used:
            source[it.files] = it.worker
            contributors[it.files, it.worker] = True
        return source, contributors

    def release(self):
        """Give every buffer back."""
        for it in self.sent:
            it.payload.release()
        self.sent.clear()
        self._last.clear()
