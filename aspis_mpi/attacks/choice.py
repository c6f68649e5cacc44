"""The base of every choice of adversaries: a set of workers for each step."""

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import Bools, Ints


class Who:
    """The adversaries of each step, known to every worker.

    Parameters
    ----------
    n_workers : int
        K.
    count : int
        Number of adversaries; 0 is nobody.
    seed : int
        The seed of the job.

    Raises
    ------
    ValueError
        If there are fewer workers than adversaries.
    """

    #: Whether it rests on who holds which file, which has to be known before
    #: the run.
    needs_holders = False
    #: Whether others are adversaries later on.
    changes = False

    def __init__(self, n_workers: int, count: int, seed: int):
        if not 0 <= count <= n_workers:
            raise ValueError(f'count {count} must be between 0 and the '
                             f'number of workers, {n_workers}')
        self.n_workers = n_workers
        self.count = count
        self.seed = seed

    def meet(self, incidence: Bools) -> None:
        """Hear which files each worker holds, bool (f, K)."""

    def members(self, step: int) -> Bools:
        """The adversaries of `step`, bool (K,)."""
        raise NotImplementedError

    def drawn(self, *names: str | int) -> Bools:
        """Distinct workers drawn from the stream 'adversaries', `names`."""
        rng = streams.generator(self.seed, 'adversaries', *names)
        return self.marked(rng.permutation(self.n_workers)[:self.count])

    def marked(self, workers: Ints) -> Bools:
        """Bool (K,) that is set for `workers`."""
        members = np.zeros(self.n_workers, dtype=bool)
        members[workers] = True
        return members
