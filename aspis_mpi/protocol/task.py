"""The gradient of one file, one micro-batch after the other."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from aspis_mpi.arrays import Ints, Vector
from aspis_mpi.compression.base import Codec
from aspis_mpi.compression.plain import plainly
from aspis_mpi.learning.batches import Batches
from aspis_mpi.learning.guard.problem import Guard
from aspis_mpi.learning.summation import TreeSum
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
    tree : bool
        Whether micro-batches are added up along a tree.
    spare : list of ndarray of float32, shape (d,)
        Vectors for that.
    codecs : callable
        Given a step and its grid, the `Codec` of what travels.
    """

    problem: Guard
    batches: Batches
    micro_batch: int
    tree: bool = False
    spare: list[Vector] = field(default_factory=list)
    codecs: Callable[[int, bytes], Codec] = plainly

    def of_server(self) -> 'Recipe':
        """The recipe with rank 0's bits, for attacks that want them."""
        return replace(self, problem=self.problem.of_server())

    def flipped(self) -> 'Recipe':
        """The recipe with flipped labels, for attacks that want them."""
        return replace(self, problem=self.problem.flipped())

    def task(self, step: int, file: int, parameters: Vector,
             buffer: Buffer) -> 'Task | Filled':
        """The `Task` of a file of a step."""
        if buffer.filled:
            return Filled(buffer)
        return self.sum(step, self.batches.samples(step, file), parameters,
                        buffer)

    def sum(self, step: int, samples: Ints, parameters: Vector,
            buffer: Buffer) -> 'Task':
        """The `Task` of some samples of a step."""
        make = TreeTask if self.tree else Task
        return make(self, step, samples, parameters, buffer)

    def encoded(self, step: int, file: int, parameters: Vector,
                buffer: Buffer, codec: Codec,
                spare: Callable[[], Buffer]) -> 'Task | Filled | Derived':
        """The `Task` of what travels of a file.

        `spare`: takes a buffer for the gradient, where that is another.
        """
        if codec.verbatim:
            return self.task(step, file, parameters, buffer)
        gradient = spare()
        return Derived(
            self.task(step, file, parameters, gradient), buffer,
            lambda: codec.encode(file, gradient.values, buffer.values))


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
        Receives the sum of the samples' gradients.

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
        self.finished = False
        buffer.values.fill(0)

    def compute(self) -> None:
        """Add the gradient of the next micro-batch."""
        if self.finished:
            return
        end = self._done + self._micro_batch
        self._add(self._step, self._parameters, self._samples[self._done:end],
                  self._into())
        self._done, self.finished = end, end >= len(self._samples)

    def _into(self) -> Vector:
        return self.buffer.values

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


class Filled:
    """The same where somebody has computed it already.

    Parameters
    ----------
    buffer : Buffer
    """

    __slots__ = 'buffer',
    finished = True

    def __init__(self, buffer: Buffer):
        self.buffer = buffer

    def compute(self) -> None:
        """Do nothing: it is complete."""

    def complete(self) -> Buffer:
        """The buffer to send."""
        return self.buffer

    def close(self) -> Buffer:
        """The buffer to send."""
        return self.buffer

    def release(self) -> None:
        """Give up: the buffer was not sent."""
        self.buffer.release()


class TreeTask(Task):
    """The same along a tree, see `aspis_mpi.learning.summation`."""

    def __init__(self, recipe: Recipe, step: int, samples: Ints,
                 parameters: Vector, buffer: Buffer):
        super().__init__(recipe, step, samples, parameters, buffer)
        self._sum = TreeSum(buffer.values, recipe.spare)

    def _into(self) -> Vector:
        return self._sum.next()

    def compute(self) -> None:
        """Add the gradient of the next micro-batch, and what that ends."""
        if not self.finished:
            super().compute()
            self._sum.added()

    def close(self) -> Buffer:
        """The buffer to send."""
        self._sum.close()
        return super().close()

    def release(self) -> None:
        """Give up: the buffer was not sent."""
        self._sum.release()
        super().release()


class Derived:
    """A task whose result is made of that of another, when it is complete.

    Parameters
    ----------
    task : Task, Filled or Derived
        Of the other; its buffer is released then.
    buffer : Buffer
        Receives the result.
    make : callable
        Writes it.
    """

    def __init__(self, task: 'Task | Filled | Derived', buffer: Buffer,
                 make: Callable[[], None]):
        self._task = task
        self._buffer = buffer
        self._make = make

    @property
    def finished(self) -> bool:
        """True if the other is complete."""
        return self._task.finished

    def compute(self) -> None:
        """Add the gradient of the next micro-batch."""
        self._task.compute()

    def close(self) -> Buffer:
        """Make the result; the buffer to send."""
        self._task.close()
        self._make()
        self._task.release()
        self._buffer.filled = True
        return self._buffer

    def release(self) -> None:
        """Give up: nothing was sent."""
        self._task.release()
        self._buffer.release()
