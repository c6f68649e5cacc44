"""No delay at all."""

import numpy as np

from aspis_mpi.delays.base import Delay


class NoDelay(Delay):
    """No time beyond that of computing.

    Parameters
    ----------
    n_workers, load, seed
        See `Delay`.
    """

    name = 'none'

    def __post_init__(self):
        super().__post_init__()
        self._none = np.zeros(self.load)
        self._none.flags.writeable = False

    def seconds(self, step, worker):
        """0 for every file: asked in each step of each run."""
        return self._none

    def drawn(self, step):
        """0 seconds."""
        return np.zeros(1)
