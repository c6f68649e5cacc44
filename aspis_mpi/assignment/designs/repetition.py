"""Groups of workers that compute the same files."""

import numpy as np

from aspis_mpi.assignment.base import MOST_FILES, Assignment, check_most
from aspis_mpi.assignment.existence import dividing


class Repetition(Assignment):
    """K/r groups of r workers, each group with files of its own (FRC).

    Parameters
    ----------
    n_workers : int
        K, a multiple of the replication.
    replication : int
        r, the size of a group.
    load : int
        Files of each group.  Inside a group the order is rotated, so that
        the first files of its workers differ.

    References
    ----------
    Tandon et al., "Gradient coding", ICML 2017, section 4 (fractional
    repetition); Rajput et al., DETOX, NeurIPS 2019.
    """

    name = 'repetition'
    replicated_by = 'replication'

    def __init__(self, n_workers, *, replication: int = 3, load: int = 1):
        if not 1 <= replication <= n_workers:
            raise ValueError(f'replication {replication} must be between 1 '
                             f'and the number of workers, {n_workers}; set '
                             'assignment.replication')
        if n_workers % replication:
            raise ValueError(
                f'replication {replication} must divide the number of '
                f'workers, {n_workers}: {dividing(replication, n_workers)}; '
                'set assignment.replication or scheme.workers')
        if load < 1:
            raise ValueError(f'load {load} must be at least 1')
        check_most('load', load, MOST_FILES // (n_workers // replication))
        group = np.arange(n_workers) // replication
        files = np.arange(n_workers // replication * load) // load
        place = np.arange(n_workers) % replication
        turns = (place[:, None] + np.arange(load)) % load
        super().__init__(files[:, None] == group,
                         order=group[:, None] * load + turns)

    def majorities(self, q):
        """Files of as many whole groups as q workers have a majority in."""
        groups = self.n_workers // self.replication
        return min(groups, q // (self.replication // 2 + 1)) * self.load

    def unanimous(self, q):
        """Files of as many whole groups as q workers fill."""
        return q // self.replication * self.load
