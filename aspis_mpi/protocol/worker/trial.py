"""A worker's part of the start-up probe."""

import numpy as np

from aspis_mpi.detection.probe import answer
from aspis_mpi.protocol.server.probing import NUMBER


class Trial:
    """The files that all ranks compute, by micro-batches.

    Parameters
    ----------
    recipe : Recipe
    trials : list of (int, int)
        Step and number of each file.
    parameters : Buffer
    gradients : Pool or SharedPool
    kind
        What computes them, to be shared by the same only; see `liar`.
    seed : bytes
        16 bytes.
    """

    def __init__(self, recipe, trials, parameters, gradients, kind, seed):
        self._recipe = recipe
        self._trials = trials
        self._parameters = parameters
        self._gradients = gradients
        self._kind = kind
        self._seed = seed
        self._said = []
        self._task = None

    def advance(self):
        """Compute a little; the n answers when all is done, else None."""
        if self._task is None:
            self._task = self._open(*self._trials[len(self._said)])
        self._task.compute()
        if not self._task.finished:
            return None
        buffer, self._task = self._task.close(), None
        if buffer.said is None:
            buffer.said = answer([buffer.values], self._seed,
                                 self._recipe.problem.tensors)
        self._said.append(buffer.said)
        buffer.release()
        if len(self._said) < len(self._trials):
            return None
        return np.concatenate(self._said)

    def _open(self, step, file):
        buffer = self._gradients.take((NUMBER, step, file, self._kind))
        if not buffer.filled:
            buffer.said = None
        return self._recipe.task(step, file, self._parameters.values, buffer)

    def release(self):
        """Give the buffers back."""
        self._parameters.release()
        if self._task is not None:
            self._task.release()
