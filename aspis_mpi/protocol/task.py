"""The gradient of one file, one micro-batch after the other."""

from dataclasses import dataclass, replace

from aspis_mpi.arrays import Ints, Vector
from aspis_mpi.learning.batches import Batches
from aspis_mpi.learning.guard.problem import Guard
from aspis_mpi.protocol.buffers import Buffer


@dataclass(frozen=True, eq=False)
class Recipe:
    """The way to any file's gradient, alike for all who compute it.

    Workers, liars, audits and the start-up probe differ in what becomes of
    a gradient, never in how they come by it: the same samples in the same
    micro-batches give the same bits.

    Attributes
    ----------
    problem : Guard
    batches : Batches
        The samples of each file of each step.
    micro_batch : int
        Samples computed at once.
    """

    problem: Guard
    batches: Batches
    micro_batch: int

    def of_server(self) -> 'Recipe':
        """The recipe with rank 0's bits, for attacks that want them."""
        return replace(self, problem=self.problem.of_server())

    def task(self, step: int, file: int, parameters: Vector,
             buffer: Buffer) -> 'Task':
        """The `Task` of a file of a step."""
        return Task(self, step, self.batches.samples(step, file), parameters,
                    buffer)


class Task:
    """The computing of a gradient between two looks at the messages.

    Parameters
    ----------
    recipe : Recipe
    step : int
    samples : ndarray of int
        Those of a file, or some of them.
    parameters : ndarray of float32, shape (d,)
    buffer : Buffer
        Receives the sum of the samples' gradients, unless it is filled.

    Attributes
    ----------
    finished : bool
        Whether the gradient is complete.
    """

    def __init__(self, recipe: Recipe, step: int, samples: Ints,
                 parameters: Vector, buffer: Buffer):
        self.buffer = buffer
        self._add = recipe.problem.gradient
        self._micro_batch = recipe.micro_batch
        self._step = step
        self._samples = samples
        self._parameters = parameters
        self._done = 0
        self.finished = buffer.filled
        if not buffer.filled:
            buffer.values.fill(0)

    def compute(self) -> None:
        """Add the gradient of the next micro-batch."""
        if self.finished:
            return
        end = self._done + self._micro_batch
        self._add(self._step, self._parameters, self._samples[self._done:end],
                  self.buffer.values)
        self._done, self.finished = end, end >= len(self._samples)

    def complete(self) -> Buffer:
        """Add all that is left; the buffer to send."""
        while not self.finished:
            self.compute()
        return self.close()

    def close(self) -> Buffer:
        """The buffer to send."""
        self.buffer.filled = True
        return self.buffer

    def release(self) -> None:
        """Give up: the buffer was not sent."""
        self.buffer.release()
