"""Every file of every worker that takes part."""

from aspis_mpi.schemes.collection.base import Collection, Gathering


class All(Collection):
    """Wait for every file of every worker that is not silent (Aspis)."""

    name = 'all'
    whole = True

    def begin(self, living, lenient, speeds, needed=None):
        """Wait for as many files as the living workers have."""
        return Everything(self._assignment, self._copies, living, lenient)


class Everything(Gathering):
    """Counts the files that are still to come."""

    def finish(self, worker, files):
        """One or more files less to come."""
        self._left -= len(files)
        return super().finish(worker, files)

    def _recount(self):
        self._left = int(self._loads[self.living].sum()
                         - self.finished.sum())

    def _complete(self):
        return not self._left
