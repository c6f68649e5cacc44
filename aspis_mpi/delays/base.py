"""The base of every delay: seconds a file, for each worker and step.

A delay of its own kind declares its options as keyword-only fields, beside
those of its base, and checks them in `__post_init__`: the constructor that
comes of it takes what a job file can say.
"""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.arrays import Floats, Ints


@dataclass(eq=False)
class Delay:
    """The time that each file takes, known to the workers alone.

    A pure function of the seed and the step: every rank that asks gets the
    same seconds, under MPI and on the virtual clock.  A worker that computes
    files of others as well takes as long for those as for its first ones:
    how many workers may be done without changes no delay.

    Parameters
    ----------
    n_workers : int
        K.
    load : int
        l, the most files that the design gives to one worker.
    seed : int
        The seed of the job.

    Attributes
    ----------
    data_bytes : int
        Memory that a rank needs for it; only `aspis_mpi plan` asks.
    """

    n_workers: int
    load: int
    seed: int

    data_bytes = 0

    def __post_init__(self) -> None:
        if self.n_workers < 1:
            raise ValueError(
                f'number of workers {self.n_workers} must be at least 1')
        if self.load < 1:
            raise ValueError(f'load {self.load} must be at least 1')
        self._step: int | None = None
        self._paces: Floats

    def meet(self, hosts: Ints | None) -> None:
        """Get to know the host of each worker, int (K,), before the run.

        None where the job names no hosts.
        """

    def paces(self, step: int) -> Floats:
        """Seconds a file of all workers in a step.

        Parameters
        ----------
        step : int

        Returns
        -------
        ndarray of float64, shape (K, l)
            By worker and position in its order, read-only; infinite for a
            file that is never finished.
        """
        if step != self._step:
            shape = self.n_workers, self.load
            self._paces = np.broadcast_to(self.drawn(step), shape)
            self._step = step
        return self._paces

    def seconds(self, step: int, worker: int) -> Floats:
        """Seconds that each file of a worker takes, by position, (l,).

        Where it has more files, they begin again: it is position % l.
        """
        return self.paces(step)[worker]

    def drawn(self, step: int) -> Floats:
        """Seconds a file of a step, of a shape that broadcasts to (K, l)."""
        raise NotImplementedError
