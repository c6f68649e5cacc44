"""No redundancy: one file for each worker."""

import numpy as np

from aspis_mpi.assignment.base import Assignment


class Uncoded(Assignment):
    """No redundancy: file i is computed by worker i alone.

    Parameters
    ----------
    n_workers : int
        K, which is also the number of files.
    """

    name = 'uncoded'

    def __init__(self, n_workers):
        super().__init__(np.eye(n_workers, dtype=bool))
