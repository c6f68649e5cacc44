"""One file for each r-subset of the workers."""

from itertools import combinations
from math import comb

import numpy as np

from aspis_mpi.assignment.base import Assignment

#: Above this many files a step would be all messages; the job is a mistake.
MOST_FILES = 1_000_000


class Subset(Assignment):
    """One file per r-subset of the workers (Aspis).

    Parameters
    ----------
    n_workers : int
        K.
    replication : int
        r.  There are C(K, r) files, each worker computes C(K-1, r-1) of
        them, each pair of workers shares C(K-2, r-2).

    References
    ----------
    Konstantinidis, Ramamoorthy, arXiv 2108.02416, section 3.1.

    >>> Subset(5, replication=3).incidence.shape
    (10, 5)
    """

    name = 'subset'
    replicated_by = 'replication'

    def __init__(self, n_workers, *, replication: int = 3):
        if not 1 <= replication <= n_workers:
            raise ValueError(f'replication {replication} must be between 1 '
                             f'and the number of workers, {n_workers}; set '
                             'assignment.replication')
        n_files = comb(n_workers, replication)
        if n_files > MOST_FILES:
            raise ValueError(f'replication {replication} of {n_workers} '
                             f'workers makes {n_files} files; at most '
                             f'{MOST_FILES} are possible; set '
                             "assignment.replication, or assignment.name = "
                             "'cyclic'")
        groups = np.array(list(combinations(range(n_workers), replication)))
        incidence = np.zeros((n_files, n_workers), dtype=bool)
        np.put_along_axis(incidence, groups, True, axis=1)
        super().__init__(incidence)

    def majorities(self, q):
        """Files with more than r/2 of q given workers among their r."""
        k, r = self.n_workers, self.replication
        return sum(comb(q, n) * comb(k - q, r - n)
                   for n in range(r // 2 + 1, r + 1))

    def unanimous(self, q):
        """Files all of whose r holders are among q given workers."""
        return comb(q, self.replication)
