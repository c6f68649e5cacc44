"""Every file of every worker that takes part."""

import numpy as np

from aspis_mpi.schemes.gathering import Collection, Gathering


class All(Collection):
    """Wait for every file of every worker that is not silent (Aspis)."""

    name = 'all'
    asks_whole_workers = waits_for_all = True

    def begin(self, living, lenient, speeds, needed=None):
        """Wait for as many files as the living workers have."""
        return Everything(self._assignment, self._copies, living, lenient)


class Everything(Gathering):
    """Counts the files that are still to come."""

    waits_for_all = True

    def finish(self, worker, files):
        """One or more files less to come."""
        self._left -= (len(files) if not self.late[worker] else
                       np.count_nonzero(self.counting[files, worker]))
        return super().finish(worker, files)

    def _recount(self):
        self._left = np.count_nonzero(self.counting & ~self.finished)

    def _complete(self):
        return not self._left
