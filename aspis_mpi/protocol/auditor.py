"""The server's own computing of a file, for audits."""

import numpy as np

from aspis_mpi.protocol.buffers import Buffer
from aspis_mpi.protocol.task import Task


class Auditor:
    """Computes gradients of files as a worker does, with the same bits.

    Parameters
    ----------
    problem : Problem
    batches : Batches
    micro_batch : int
        Samples computed at once, as everywhere: the split decides bits.
    """

    def __init__(self, problem, batches, micro_batch):
        self._problem = problem
        self._batches = batches
        self._micro_batch = micro_batch
        self._buffer = None

    def gradient(self, step, file, parameters):
        """The sum over a file's samples.

        Parameters
        ----------
        step, file : int
        parameters : ndarray of float32, shape (d,)

        Returns
        -------
        ndarray of float32, shape (d,)
            Valid until the next call.
        """
        if self._buffer is None:
            self._buffer = Buffer(np.size(parameters))
        self._buffer.filled = False
        task = Task(self._problem, parameters,
                    self._batches.samples(step, file), self._buffer)
        while not task.finished:
            task.compute(self._micro_batch)
        return self._buffer.values
