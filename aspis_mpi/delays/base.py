"""What every delay is: seconds a file, for each worker and step."""

import numpy as np


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

    data_bytes = 0

    def __init__(self, n_workers, load, seed):
        if n_workers < 1:
            raise ValueError(
                f'number of workers {n_workers} must be at least 1')
        if load < 1:
            raise ValueError(f'load {load} must be at least 1')
        self.n_workers = n_workers
        self.load = load
        self.seed = seed
        self._step = None
        self._paces = None

    def paces(self, step):
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

    def seconds(self, step, worker):
        """Seconds that each file of a worker takes, by position, (l,).

        Where it has more files, they begin again: it is position % l.
        """
        return self.paces(step)[worker]

    def drawn(self, step):
        """Seconds a file of a step, of a shape that broadcasts to (K, l)."""
        raise NotImplementedError
