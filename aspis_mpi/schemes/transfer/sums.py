"""Sums of the gradients that each worker owns."""

from copy import copy

import numpy as np

from aspis_mpi.coding.code import Decoding
from aspis_mpi.coding.cover import thin
from aspis_mpi.detection.base import MISSING
from aspis_mpi.schemes.tables.combined import Combined
from aspis_mpi.schemes.tables.state import NOBODY, GlobalState


class Sums(Combined):
    """One vector a worker; each file has one owner and coefficient 1."""

    name = 'sums'
    reassignable = True
    tells_finishers = False
    multiple = 1

    def __init__(self, assignment, copies=1, thinning=False, code=None):
        # However many copies are waited for, one of them is sent.
        super().__init__(assignment, 1, thinning, code)
        self._single = assignment.replication == 1

    def unasked(self):
        """The same, without a signal, where each file has one owner."""
        if not self._single:
            return self
        other = copy(self)
        other.sends_unasked = True
        return other

    def signal(self, finished, before=None):
        """Owners as before where they can be; else who owns fewest."""
        owners = np.full(self._shape[0], NOBODY, dtype=np.int16)
        if before is not None:
            stays = before.owners >= 0
            stays[stays] = finished[stays, before.owners[stays]]
            owners[stays] = before.owners[stays]
        self.choose(finished, owners)
        return GlobalState(finished, owners)

    def choose(self, finished, owners):
        """Fill in owners where there is none: who owns fewest."""
        choice = thin(finished, 1) if self._thinning else finished
        loads = np.bincount(owners[owners >= 0], minlength=self._shape[1])
        for file in np.flatnonzero((owners < 0) & finished.any(axis=1)):
            able = np.flatnonzero(choice[file])
            owner = able[loads[able].argmin()]
            owners[file] = owner
            loads[owner] += 1

    def changed(self, before, after):
        """Workers that own other files than before."""
        return (before.owning != after.owning).any(axis=0)

    def encoding(self, worker, state):
        """The worker's own files, each with coefficient 1."""
        files = state.owned(worker)
        return files, np.ones((files.size, 1))

    def decoding(self, state):
        """A plain sum; files without an owner are not in it."""
        cover = (state.owners >= 0).astype(np.float64)
        weights = np.zeros((1, self._shape[1]))
        weights[0, state.owners[state.owners >= 0]] = 1
        return Decoding(weights, cover,
                        float(np.sqrt(cover.size - cover.sum())))

    def sources(self, state):
        """The owner."""
        return np.where(state.owners >= 0, state.owners,
                        MISSING).astype(np.int16)
