"""Workers of equal speed."""

import numpy as np

from aspis_mpi.delays.mean import MeanDelay


class Constant(MeanDelay):
    """`mean` seconds for every file of every worker.

    Parameters
    ----------
    n_workers, load, seed, mean
        See `MeanDelay`.
    """

    name = 'constant'

    def drawn(self, step):
        """`mean` seconds."""
        return np.array([self.mean])
