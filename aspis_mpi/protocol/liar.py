"""What an adversary does in the place of honest computing."""

import numpy as np

from aspis_mpi.protocol.task import Task


class Liar:
    """Replaces an adversary's gradients by the lies of the attack's plan.

    Parameters
    ----------
    number : int
        The worker.
    plan : AttackPlan
        Who lies on which file of which step.
    value : Value
        What is sent instead.
    batches : Batches
    problem : Problem
    scratch : Pool or SharedPool
        Where true gradients are computed: colluders need no channel, each
        recomputes what it must know of other files.
    micro_batch : int
        Samples computed at once, as everywhere: the split decides bits.
    """

    def __init__(self, number, plan, value, batches, problem, scratch,
                 micro_batch):
        self._number = number
        self._plan = plan
        self._value = value
        self._batches = batches
        self._problem = problem
        self._scratch = scratch
        self._micro_batch = micro_batch

    def lies(self, step, file):
        """Whether this worker lies on a file."""
        return bool(self._plan.lies(step)[file, self._number])

    def task(self, step, file, parameters, samples, buffer):
        """The computing of a lie into `buffer`, as `Task` for honest work."""
        if buffer.filled:
            return Task(self._problem, parameters, samples, buffer)
        honest = self._scratch.take((step, file, False))
        return Lie(Task(self._problem, parameters, samples, honest), buffer,
                   lambda: self._forge(step, file, parameters, honest.values,
                                       len(samples), buffer.values))

    def _forge(self, step, file, parameters, honest, n_samples, out):
        self._value.forge(honest, n_samples, step, file,
                          lambda: self._means(step, parameters), out)

    def _means(self, step, parameters):
        """True mean gradients of the step's first files, (m, d)."""
        n_files = min(self._value.sample, self._batches.n_files)
        means = np.empty((n_files, parameters.size), dtype=np.float32)
        for file in range(n_files):
            samples = self._batches.samples(step, file)
            buffer = self._scratch.take((step, file, False))
            task = Task(self._problem, parameters, samples, buffer)
            while not task.finished:
                task.compute(self._micro_batch)
            np.divide(task.close().values, len(samples), out=means[file])
            buffer.release()
        return means


class Lie:
    """An honest task whose result is replaced when it is complete."""

    def __init__(self, task, buffer, forge):
        self._task = task
        self._buffer = buffer
        self._forge = forge

    @property
    def finished(self):
        """Whether the honest gradient is complete."""
        return self._task.finished

    def compute(self, micro_batch):
        """Add the gradient of the next samples."""
        self._task.compute(micro_batch)

    def close(self):
        """Forge, and give the buffer to send."""
        self._task.close()
        self._forge()
        self._task.release()
        self._buffer.filled = True
        return self._buffer

    def release(self):
        """Give up: nothing was sent."""
        self._task.release()
        self._buffer.release()
