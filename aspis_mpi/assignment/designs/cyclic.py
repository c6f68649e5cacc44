"""Consecutive files for each worker, each one file further than the last."""

import numpy as np

from aspis_mpi.assignment.base import Assignment


class Cyclic(Assignment):
    """Worker j holds the `load` consecutive files from j on (cyclic shift).

    There are as many files as workers, each on `load` workers.  Worker j
    computes files j, j+1, ... modulo K in this order, so that at every
    position the workers hold each file once: no order guarantees copies of
    every file earlier (see `ordering.q_max_bound`).

    Parameters
    ----------
    n_workers : int
        K.
    load : int
        l, which is also the replication.

    References
    ----------
    Tandon et al., "Gradient coding", ICML 2017, section 5 (cyclic
    repetition).

    >>> Cyclic(4, load=2).order.tolist()
    [[0, 1], [1, 2], [2, 3], [3, 0]]
    """

    name = 'cyclic'
    replicated_by = 'load'

    def __init__(self, n_workers, *, load: int = 3):
        if not 1 <= load <= n_workers:
            raise ValueError(f'load {load} must be between 1 and the number '
                             f'of workers, {n_workers}; set '
                             'assignment.load')
        workers = np.arange(n_workers)[:, None]
        order = (workers + np.arange(load)) % n_workers
        incidence = np.zeros((n_workers, n_workers), dtype=bool)
        incidence[order, workers] = True
        super().__init__(incidence, order)

    def unanimous(self, q):
        """Files that q neighbours hold alone, q - l + 1; gaps lose some."""
        if q >= self.n_workers:
            return self.n_files
        return max(0, q - self.load + 1)
