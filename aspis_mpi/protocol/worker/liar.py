"""What an adversary does in the place of honest computing."""

import numpy as np

from aspis_mpi.protocol.messages import pack_positions, unpack_positions
from aspis_mpi.protocol.task import Task

#: Gradients of a file that are one: the honest ones, all liars', or else
#: those of one liar, by its number.
HONEST, ALIKE = None, -1


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
    protocol : Protocol
        What else the worker lies about.
    batches : Batches
    problem : Problem
    scratch : Pool or SharedPool
        Where true gradients are computed: colluders need no channel, each
        recomputes what it must know of other files.
    micro_batch : int
        Samples computed at once, as everywhere: the split decides bits.
    """

    def __init__(self, number, plan, value, protocol, batches, problem,
                 scratch, micro_batch):
        self._number = number
        self._plan = plan
        self._value = value.of(number)
        #: Whose lies are the same as this one's.
        self.kind = ALIKE if self._value is value else number
        self._protocol = protocol
        self._sent = None
        self._challenged = None     # the last step with a challenge
        self._batches = batches
        self._problem = problem
        self._scratch = scratch
        self._micro_batch = micro_batch

    def lies(self, step, file):
        """Whether this worker lies on a file, from the beginning."""
        return not self._protocol.patient and self._tells(step, file)

    def _tells(self, step, file):
        return bool(self._plan.lies(step)[file, self._number])

    def shown(self, step, file, values, parameters):
        """What it makes of the gradient of a file that it holds."""
        begun = self._protocol.patient and self._challenged == step
        if not (begun and self._tells(step, file)):
            return values
        lie, samples = np.empty_like(values), self._batches.samples(step, file)
        self._forge(step, file, parameters, values, len(samples), lie)
        return lie

    def probed(self):
        """The problem with which it answers the start-up probe, and a kind."""
        narrows = self._protocol.narrows and self._plan.adversaries(
            0)[self._number]
        if narrows:
            return self._problem.of_server(), ALIKE
        return self._problem, HONEST

    def wait(self, step):
        """Seconds that its answers wait in a step; 0 if they do not."""
        dawdles = self._plan.dawdles(step)[self._number]
        return self._protocol.seconds if dawdles else 0.0

    def claims(self, step, report, load):
        """Positions to report, packed, instead of those finished."""
        if not self._lies_now(step):
            return report
        claimed = self._protocol.claims(unpack_positions(report), load)
        return pack_positions(claimed, len(report))

    def held(self, files, weights, held):
        """Of what it was asked for, that which it really has."""
        there = np.array([file in held for file in files.tolist()],
                         dtype=bool)
        return files[there], weights[there]

    def payload(self, step, epoch, files, weights, values):
        """Change what is sent of some files, in place."""
        self._sent = files, weights
        if self._lies_now(step):
            self._protocol.payload(step, epoch, self._number, values)

    def sketches(self, step, epoch, own, rows, sketch):
        """Change the sketches of its own files, (l, k + 1, copies)."""
        self._challenged = step
        if not self._lies_now(step):
            return
        weights = np.zeros((len(rows), rows.shape[2]))
        if self._sent is not None:
            files, sent = self._sent
            weights[np.searchsorted(own, files)] = sent
        self._protocol.meet(self._plan.adversaries(step))
        self._protocol.sketches(step, epoch, self._number, rows, weights,
                                sketch)

    def _lies_now(self, step):
        now = (self._plan.dawdles if self._protocol.timing
               else self._plan.adversaries)
        return self._protocol.lies and now(step)[self._number]

    def task(self, step, file, parameters, samples, buffer):
        """The computing of a lie into `buffer`, as `Task` for honest work."""
        if buffer.filled:
            return Task(self._problem, parameters, samples, buffer)
        honest = self._scratch.take((step, file, HONEST))
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
            buffer = self._scratch.take((step, file, HONEST))
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
