"""Who takes part: silent workers are left out for longer and longer."""

import numpy as np


class Attendance:
    """Remembers from which step on each worker takes part again.

    Silence proves nothing, so nobody is left out for ever: for 1, 2, 4 ...
    steps, and a worker that has sent all that it owed starts anew.

    Parameters
    ----------
    n_workers : int
    """

    def __init__(self, n_workers):
        self._strikes = np.zeros(n_workers, dtype=np.int64)
        self._back = np.zeros(n_workers, dtype=np.int64)

    def present(self, step):
        """Who takes part in a step, bool (K,)."""
        return self._back <= step

    def strike(self, worker, step):
        """Leave a worker out of the steps after this one; of how many."""
        self._strikes[worker] += 1
        missed = 1 << min(int(self._strikes[worker]) - 1, 30)
        self._back[worker] = step + 1 + missed
        return missed

    def forgive(self, worker):
        """A worker did all that it was asked to."""
        self._strikes[worker] = 0

    def export(self):
        """Strikes, and when each is back: copies, int64 (K,) each."""
        return self._strikes.copy(), self._back.copy()

    def restore(self, strikes, back):
        """What was exported counts again."""
        self._strikes[:], self._back[:] = strikes, back

    def recall(self):
        """Nobody is left out any more, since nothing goes without them."""
        self._back[:] = 0
