"""Some workers that are always slower than the others."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.checks import check_positive, check_workers
from aspis_mpi.delays.mean import MeanDelay


@dataclass(eq=False, kw_only=True)
class Slow(MeanDelay):
    """`mean` seconds a file, `factor` times as much for some workers.

    Parameters
    ----------
    n_workers, load, seed
        See `Delay`.
    mean : float
        Seconds a file of the other workers, above 0.
    workers : list of int, optional
        The slow ones.
    hosts : list of int, optional
        Hosts of `network.hosts`, from 0: all workers there are slow, too.
    factor : float
        Above 0.
    """

    name = 'slow'

    workers: list[int] | None = None
    hosts: list[int] | None = None
    factor: float = 10.0

    def __post_init__(self):
        super().__post_init__()
        check_positive('factor', self.factor)
        if self.workers is None and self.hosts is None:
            raise ValueError('workers must be a list of the slow ones, or '
                             'hosts one of their hosts')
        check_workers('workers', self.workers or [], self.n_workers)
        self._slow = sorted(self.workers or [])

    def meet(self, hosts):
        if not self.hosts:
            return
        if hosts is None:
            raise ValueError(f'hosts {self.hosts} are hosts of network.hosts, '
                             'which is missing')
        there = sorted(set(hosts.tolist()))
        if not set(self.hosts) <= set(there):
            raise ValueError(f'hosts {self.hosts} must be some of {there}, '
                             'those with workers')
        self._slow = sorted({*self._slow, *np.flatnonzero(
            np.isin(hosts, self.hosts)).tolist()})

    def drawn(self, step):
        """`mean` or `factor` times `mean` seconds, (K, 1)."""
        seconds = np.full((self.n_workers, 1), self.mean)
        seconds[self._slow] = self.mean * self.factor
        return seconds
