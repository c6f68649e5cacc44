"""Every file finished often enough, by whomever."""

import numpy as np

from aspis_mpi.schemes.collection.base import Collection, Gathering


class Coverage(Collection):
    """Wait until each file was finished `copies` times, by any workers.

    References
    ----------
    Ramamoorthy, Meng, Girimaji, "Leveraging partial stragglers within
    gradient coding", NeurIPS 2024, arXiv 2405.19509, section 3.
    """

    name = 'coverage'
    may_skip = True

    def begin(self, living, lenient, speeds):
        """Wait for copies of every file, however long it takes."""
        return Copies(self._assignment, self._copies, living, lenient)


class Copies(Gathering):
    """Counts the copies of each file: a constant time for each report."""

    def finish(self, worker, files):
        """One more copy of each; which have enough now."""
        super().finish(worker, files)
        enough = []
        for file in files:
            self._counts[file] += 1
            if self._counts[file] == self._needed[file]:
                enough.append(file)
        self._short -= len(enough)
        return enough

    def lose(self, worker):
        """Count anew; which files lack copies that had enough."""
        before = self._missing()
        super().lose(worker)
        return np.flatnonzero(self._missing() & ~before)

    def _missing(self):
        return np.array(self._counts) < np.array(self._needed)

    def _recount(self):
        needed = np.full(len(self.finished), self._copies)
        if self._lenient:
            holders = self._incidence[:, self.living].sum(axis=1)
            np.minimum(needed, holders, out=needed)
        # Lists: single entries of them are what a report touches.
        self._needed = needed.tolist()
        self._counts = self.finished.sum(axis=1).tolist()
        self._short = int(np.count_nonzero(self._missing()))

    def _complete(self):
        return not self._short
