"""Every file finished often enough, by whomever."""

import numpy as np

from aspis_mpi.arrays import counts
from aspis_mpi.schemes.gathering import Collection, Gathering


class Coverage(Collection):
    """Wait until each file was finished `copies` times, by any workers.

    References
    ----------
    Ramamoorthy, Meng, Girimaji, "Leveraging partial stragglers within
    gradient coding", NeurIPS 2024, arXiv 2405.19509, section 3.
    """

    name = 'coverage'
    allows_skipping = True

    def begin(self, living, lenient, speeds, needed=None):
        """Wait for copies of every file, however long it takes."""
        return Copies(self._assignment, self._copies, living, lenient,
                      needed=needed)


class Copies(Gathering):
    """Counts the copies of each file: a constant time for each report."""

    def __init__(self, assignment, copies, living, lenient, seconds=np.inf,
                 needed=None):
        self._certain = np.zeros(assignment.n_files, dtype=int)
        if needed is not None:
            self._certain = needed
        self._required = None
        super().__init__(assignment, copies, living, lenient, seconds)

    @property
    def needed(self):
        """Copies of each file that are waited for, int (f,)."""
        return self._wanted

    def require(self, needed):
        """Wait for so many copies from now on, if there are."""
        self._required = needed
        self._review()

    def lacking(self):
        """Files that have not got the copies that are waited for."""
        return np.flatnonzero(self._missing())

    def finish(self, worker, files):
        """One more copy of each; which have enough now."""
        late, enough = self.late[worker], []
        for file in files:
            self.finished[file, worker] = True
            if late and not self.counting[file, worker]:
                continue
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

    def excuse(self, worker):
        """Count anew; which files lack copies that had enough."""
        before = self._missing()
        super().excuse(worker)
        return np.flatnonzero(self._missing() & ~before)

    def _missing(self):
        return np.array(self._counts) < self._wanted

    def _recount(self):
        holders = self._all
        needed = np.full(len(self.finished), self._copies)
        if self._lenient:
            needed = np.minimum(needed, holders)
        # What cannot be believed is reported; it is no reason to give up.
        needed = np.maximum(needed, np.minimum(self._certain, holders))
        if self._required is not None:
            needed = np.minimum(self._required, holders)
        # Lists: single entries of them are what a report touches.
        self._wanted, self._needed = needed, needed.tolist()
        self._counts = counts(self.finished & self.counting).tolist()
        self._short = int(np.count_nonzero(self._missing()))

    def _complete(self):
        return not self._short
