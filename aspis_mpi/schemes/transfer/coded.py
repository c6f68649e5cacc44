"""Combinations of each worker's gradients, d/copies numbers."""

import math

import numpy as np

from aspis_mpi.coding.cover import thin
from aspis_mpi.detection.base import MISSING
from aspis_mpi.schemes.record import CODED
from aspis_mpi.schemes.tables.combined import Combined
from aspis_mpi.schemes.tables.state import NOBODY, GlobalState


class Coded(Combined):
    """One vector a worker, whose coefficients a gradient code chooses.

    References
    ----------
    Ramamoorthy, Meng, Girimaji, arXiv 2405.19509, section 3; the codes of
    others are parts of their own.
    """

    name = 'coded'
    default_code = 'least-squares'

    def __init__(self, assignment, copies, thinning, code):
        super().__init__(assignment, copies, thinning, code)
        self._most_copies = assignment.replication
        if code is None:
            raise ValueError("'coded' needs transfer.code, such as "
                             f"'{self.default_code}'")
        if thinning and code.needs_whole_workers:
            raise ValueError('collection.thinning = true needs a code whose '
                             'coefficients follow the state, such as '
                             'least-squares')

    @property
    def multiple(self):
        """The least common multiple of all n of coefficients 1/n; else 0."""
        if not self._code.shares_evenly:
            return 0
        return math.lcm(*range(1, self._most_copies + 1))

    def signal(self, finished, before=None):
        """Everything that is finished, or little more than before."""
        owners = np.full(self._shape[0], NOBODY, dtype=np.int16)
        if before is not None and not self._code.needs_whole_workers:
            finished = self._mended(before.finished & finished, finished)
        elif self._thinning:
            finished = thin(finished, self.copies)
        return GlobalState(finished, owners)

    def _mended(self, kept, finished):
        """The rest of a state, and all copies of files that lack one."""
        short = kept.sum(axis=1) < self.copies
        kept[short] = finished[short]
        return kept

    def changed(self, before, after):
        """As the code says."""
        return self._code.changed(before.finished, after.finished)

    def encoding(self, worker, state):
        """As the code says."""
        return self._code.encoding(worker, state.finished)

    def decoding(self, state):
        """As the code says."""
        return self._code.decoding(state.finished)

    def sources(self, state):
        """Several workers, or none."""
        covered = state.finished.any(axis=1)
        return np.where(covered, CODED, MISSING).astype(np.int16)
