"""The bases of compressions: of a job, and of the vectors of one step.

What a worker computes of a file is a gradient of d float32.  What travels,
and is compared, sketched and added up, is what a compression makes of it: a
*file vector*, the same for all who hold the file, and combinations of those.
The server makes float32 of them where they are aggregated, and nowhere else.

Buffers count in numbers of four bytes, whatever lies in them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from aspis_mpi.aggregation.base import Aggregator
from aspis_mpi.arrays import Array, Floats, Ints, Vector
from aspis_mpi.coding.scrutiny import Scrutiny
from aspis_mpi.compression.grid import Grid
from aspis_mpi.compression.mask import BLOCK, count

#: A change of some numbers in place.
Change = Callable[[Array], None]


@dataclass(frozen=True, eq=False)
class Accepted:
    """Sums of the numbers behind the entries of the files that were used.

    Attributes
    ----------
    sizes, clipped : ndarray of int64, shape (B,)
        Sums over the files, by block: root mean squares, clipped entries;
        where a robust rule made one of them, each file counts as the median.
    counts : ndarray of int, shape (B,)
        Entries of each block.
    files : int
    """

    sizes: Ints
    clipped: Ints
    counts: Ints
    files: int

    @property
    def share(self) -> float:
        """Share of the entries of these files that were clipped.

        Of a block and file at most 127 are counted.
        """
        entries = self.files * int(self.counts.sum())
        return float(self.clipped.sum() / entries) if entries else 0.0


class Combining(Protocol):
    """A transfer, as far as a compression has to do with it."""

    #: The whole number that makes all coefficients whole; 0 if none does.
    multiple: int

    def payload_size(self, d: int) -> int:
        """Numbers in one message, for gradients of d numbers."""

    def combine(self, gradients: Sequence[Vector], weights: Floats,
                out: Vector) -> None:
        """Make a worker's vector of some gradients."""


class Running(Protocol):
    """A sum of file vectors, one after the other."""

    def add(self, values: Vector) -> None:
        """One more."""

    def clear(self) -> None:
        """Begin anew; for nothing where nothing was added."""

    def write(self, out: Vector) -> None:
        """The sum, as it travels."""


class Codec(ABC):
    """The vectors of one step: how they are made, compared and added up.

    Numbers come as buffers have them, as float32; `file` and `vector` answer
    a view of them as what they are.

    Attributes
    ----------
    grid : bytes
        As it travels with `Model`.
    verbatim : bool
        A file vector is the gradient itself.
    checks : bool
        Not every vector of numbers can be one that travels.
    """

    grid = b''
    verbatim = False
    checks = False

    # -- a worker's part

    @abstractmethod
    def encode(self, file: int, gradient: Vector, out: Vector) -> None:
        """Write the vector of a file whose gradient is there."""

    @abstractmethod
    def combine(self, transfer: Combining, files: Sequence[Vector],
                weights: Floats, out: Vector) -> None:
        """Write the combination of file vectors that a transfer asks for."""

    @abstractmethod
    def numbers(self, transfer: Combining, d: int, weight: float) -> int:
        """Numbers of four bytes in a combination, see `vector`."""

    @abstractmethod
    def alone(self, file: Vector, out: Vector) -> None:
        """Write the combination that is one file vector."""

    @abstractmethod
    def running(self, spare: Running | None = None) -> Running:
        """An empty sum of file vectors; an earlier one if it will do."""

    # -- an adversary's part

    @abstractmethod
    def forge(self, file: int, honest: Vector, out: Vector,
              forge: Callable[[Vector, Vector], None]) -> None:
        """Write the vector of a lie that is made of an honest gradient.

        It is never that of the honest one.
        """

    @abstractmethod
    def retold(self, file: int, sent: Vector,
               forge: Callable[[Vector, Vector], None]) -> Vector:
        """The vector of a lie that is made of an honest vector."""

    @abstractmethod
    def falsify(self, values: Array, change: Change) -> None:
        """Apply a change that is meant for floats."""

    @abstractmethod
    def sent(self, numbers: Vector) -> Array:
        """A combination as what it is, by its length."""

    @abstractmethod
    def rounded(self, values: Array) -> Array:
        """Floats as `falsify` adds them where a change does."""

    # -- the server's part

    @abstractmethod
    def encoded(self, file: int, gradient: Vector) -> Array:
        """The vector of a file that the server has computed itself.

        Valid as long as the gradient.
        """

    @abstractmethod
    def file(self, numbers: Vector) -> Array:
        """A file vector as what it is."""

    @abstractmethod
    def vector(self, numbers: Vector, weight: float) -> Array:
        """A combination, `weight` the sum of its coefficients."""

    @abstractmethod
    def flaw(self, values: Array, weight: float = 1.0) -> str:
        """The reason why no honest worker sends a vector, or ''."""

    @abstractmethod
    def is_finite(self, values: Array) -> bool:
        """True if a file vector has no number that is not finite."""

    @abstractmethod
    def norm(self, values: Array) -> float:
        """Norm of a file vector, to be compared with others of the step."""

    @abstractmethod
    def distance(self, one: Array, other: Array, floor: float = 0.0) -> float:
        """Relative distance of two file vectors, see `relative_distance`."""

    @abstractmethod
    def dense(self, values: Array) -> Vector:
        """The gradient that a file vector stands for, float32 (d,)."""

    @abstractmethod
    def aggregate(self, rule: Aggregator, rows: Sequence[Array],
                  samples: Ints, out: Vector, threads: int
                  ) -> Accepted | None:
        """Write what a rule makes of file vectors, float32 (d,)."""

    @abstractmethod
    def decode(self, vectors: Sequence[Array], weights: Floats, out: Vector,
               divisor: float, files: int) -> Accepted | None:
        """Write the mean of the files in some combinations, float32 (d,).

        See `aspis_mpi.coding.combine.decode`; `files`: how many are in it.
        """


class Compression(ABC):
    """A way to send something else than gradients, in all steps of a job.

    Parameters
    ----------
    d : int
        Numbers of a gradient.
    seed : int
        Of the run.
    keep : float
        Share of the coordinates that travel, anew in each step.

    Attributes
    ----------
    size : int
        Entries of a file vector.
    file_numbers : int
        Numbers of four bytes in it.
    grid_bytes : int
        That travel with `Model`.
    verbatim : bool
        A file vector is the gradient itself.
    exact : bool
        Whether sums and sketches are exact whatever their order, so that
        nothing but equality counts.
    scrutiny : Scrutiny, optional
        Sketches, and the tests of what was sent, where they are others than
        those of floats.
    """

    name: str
    size: int
    file_numbers: int
    grid_bytes = 0
    verbatim = False
    exact = False
    scrutiny: Scrutiny | None = None

    def __init__(self, d: int, seed: int, keep: float):
        least = 1 / min(d, BLOCK)
        if not least <= keep <= 1:
            raise ValueError(
                f'keep {keep} must be between {least:.3g}, which leaves one '
                f'coordinate of {min(d, BLOCK):,}, and 1')
        self.d, self.keep, self.seed = d, keep, seed

    @abstractmethod
    def at(self, step: int, grid: bytes) -> Codec:
        """The codec of a step, whose grid came with its `Model`."""

    def fitted(self, transfer: Combining, load: int) -> 'Compression':
        """The compression for a transfer, of at most `load` files a worker.

        Raises
        ------
        ValueError
            It cannot carry that.
        """
        return self

    def numbers(self, transfer: Combining, weight: float) -> int:
        """Numbers of four bytes in a combination, as `Codec.vector` has it."""
        return transfer.payload_size(self.size)

    def whole(self, transfer: Combining, load: int) -> int:
        """Numbers of four bytes in a sum of whole file vectors."""
        return self.size

    def narrow(self, transfer: Combining, load: int) -> int:
        """Numbers of a combination of few files, if they are fewer; else 0."""
        return 0

    def first(self, gradients: Iterable[Vector]) -> Grid | None:
        """The grid before the first step, of some gradients; None without.

        Each is read before the next is asked for.
        """
        return None

    def follow(self, grid: Grid, accepted: Accepted) -> Grid:
        """The grid after a step that has used some files."""
        return grid

    def scale(self, grid: Grid | None) -> float:
        """The step of the median block, NaN without a grid."""
        return np.nan

    @property
    def work_bytes(self) -> int:
        """Bytes for making a file vector: of a gradient, and of a mask."""
        gradient = 0 if self.verbatim else 4 * self.d
        return gradient + (8 * count(self.d, self.keep) * (self.keep < 1))
