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

    def drawn(self, step):
        """0 seconds."""
        return np.zeros(1)
