"""Workers that have left the run for good, and requests that it end."""

import numpy as np


class Departures:
    """Counts workers that are lost, and signals.

    Parameters
    ----------
    lost : ndarray of bool, shape (K,)
        Workers that have no work from now on; it is kept and changes.
    tolerate : int
        Workers that may be lost.
    q : int
        Workers that may say anything.

    Attributes
    ----------
    ending : bool
        The run ends after this step.
    """

    def __init__(self, lost, tolerate, q):
        self.lost = lost
        self.ending = False
        self._tolerate = tolerate
        self._q = q
        self._signalled = set()
        self._barred = np.zeros_like(lost)

    def bar(self, worker):
        """A worker gets no work, which does not count as a loss."""
        self.lost[worker] = self._barred[worker] = True

    @property
    def too_many(self):
        """Reason why the run cannot do without those that are lost, or ''."""
        count = int(np.count_nonzero(self.lost & ~self._barred))
        if count <= self._tolerate:
            return ''
        are = 'worker is' if count == 1 else 'workers are'
        return (f'{count} {are} lost, more than faults.tolerate = '
                f'{self._tolerate}')

    def signalled(self, worker):
        """A worker says that it was asked to end.

        Returns
        -------
        bool
            Whether one of those who say so is right: q may not be.
        """
        self._signalled.add(worker)
        return len(self._signalled) > self._q
