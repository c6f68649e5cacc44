"""No redundancy: files of its own for each worker."""

import numpy as np

from aspis_mpi.assignment.base import MOST_FILES, Assignment, check_most


class Uncoded(Assignment):
    """No redundancy: each file is computed by one worker alone.

    Parameters
    ----------
    n_workers : int
        K.
    load : int
        Files of each worker, in a row: worker j has j load, j load + 1 ...
    """

    name = 'uncoded'

    def __init__(self, n_workers: int, *, load: int = 1):
        if load < 1:
            raise ValueError(f'load {load} must be at least 1')
        check_most('load', load, MOST_FILES // n_workers)
        super().__init__(np.repeat(np.eye(n_workers, dtype=bool), load,
                                   axis=0))
