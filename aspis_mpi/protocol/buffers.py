"""Vectors with room for their header in front, so that nothing is copied.

A payload travels as one message: 64 bytes of header, then the numbers.  The
buffers of a rank are counted: who is handed one either keeps it or calls
`release`, and the last release returns it to its pool.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from aspis_mpi.arrays import Array, Bools, Raw, Vector

#: Bytes in front of the numbers; keeps them aligned to a cache line.
HEADER_BYTES = 64
#: Gradients that a worker which pushes computes ahead of what has left it.
AHEAD = 2

#: Name of a vector: the step, the file, and what it is of it.
Key = tuple[int, ...]
#: Sketches (n, ...) of n vectors.
Sketching = Callable[[Sequence[Vector]], Array]


class Buffer:
    """A float32 vector and the header in front of it.

    Attributes
    ----------
    raw : ndarray of uint8
        Header and numbers, as they travel.
    values : ndarray of float32, shape (d,)
    filled : bool
        The numbers are already those that were asked for (see
        `SharedPool`).
    said : ndarray or None
        What the start-up probe says of them, once somebody knows it.
    """

    __slots__ = ('raw', 'values', 'filled', 'said', '_pool', '_holds')

    def __init__(self, size: int, pool: 'Pool | None' = None):
        # np.empty aligns to 16 bytes only; the numbers start on a line.
        room = np.empty(HEADER_BYTES * 2 + 4 * size, dtype=np.uint8)
        start = -room.ctypes.data % HEADER_BYTES
        self.raw: Raw = room[start:start + HEADER_BYTES + 4 * size]
        self.raw[:HEADER_BYTES] = 0
        self.values: Vector = self.raw[HEADER_BYTES:].view(np.float32)
        self.filled = False
        self.said: npt.NDArray[np.void] | None = None
        self._pool = pool
        self._holds = 0

    def front(self, n_bytes: int) -> 'Carrier':
        """The buffer, or as much of it as holds so many bytes of numbers.

        Whoever uses that uses the buffer: it counts the same users.
        """
        if n_bytes == self.values.nbytes:
            return self
        return Front(self, n_bytes)

    def hold(self) -> Self:
        """Count one more user."""
        self._holds += 1
        return self

    def release(self) -> None:
        """Count one user less; the last one returns it to its pool."""
        self._holds -= 1
        if not self._holds and self._pool is not None:
            self._pool.put(self)


class Front:
    """The front of a buffer, for a vector shorter than the longest."""

    __slots__ = 'raw', 'values', '_source'

    def __init__(self, source: Buffer, n_bytes: int):
        self.raw = source.raw[:HEADER_BYTES + n_bytes]
        self.values = self.raw[HEADER_BYTES:].view(np.float32)
        self._source = source

    def hold(self) -> Self:
        """Count one more user."""
        self._source.hold()
        return self

    def release(self) -> None:
        """Count one user less."""
        self._source.release()


#: Numbers on their way.
Carrier = Buffer | Front


class Pool:
    """Buffers of one size, made when first needed and used again.

    Parameters
    ----------
    size : int
        d.
    most : int, optional
        Above this many, `take` answers None until one is released.
    """

    def __init__(self, size: int, most: int | None = None):
        self.size = size
        self.most = most
        self.made = 0
        self._free: list[Buffer] = []

    def take(self, key: Key | None = None) -> Buffer | None:
        """A free buffer of unknown contents, or None when there is none."""
        if self.most is not None and not self._free and (
                self.made >= self.most):
            return None
        return self.another()

    def another(self) -> Buffer:
        """A free buffer of unknown contents, however many there are."""
        if self._free:
            buffer = self._free.pop()
            buffer.filled = False
            return buffer.hold()
        self.made += 1
        return Buffer(self.size, self).hold()

    def put(self, buffer: Buffer) -> None:
        """Take a buffer back; called by its last release."""
        self._free.append(buffer)

    def sketches(self, buffers: Sequence[Buffer], seed: bytes, files: Bools,
                 sketch: Sketching) -> Array:
        """Sketches of some buffers; see `SharedPool`."""
        return sketch([buffer.values for buffer in buffers])


class SharedPool:
    """One buffer for all simulated workers that compute the same thing.

    Gradients are pure functions of step and file, so in one process each is
    computed once and its replicas are one array.

    Parameters
    ----------
    size : int
        d.
    """

    def __init__(self, size: int):
        self._pool = Pool(size)
        self._step: int | None = None
        self._shared: dict[Key, Buffer] = {}
        self._forget()

    def _forget(self) -> None:
        # Sketches by one seed, and where that of each buffer is.
        self._seed, self._sketches = b'', np.empty(0)
        self._rows: dict[Buffer, int] = {}

    def take(self, key: Key) -> Buffer:
        """The buffer called `key`, whose first element is the step."""
        if key[0] != self._step:
            self._step = key[0]
            for buffer in self._shared.values():
                buffer.release()
            self._shared = {}
            self._forget()
        known = self._shared.get(key)
        if known is not None:
            return known.hold()
        buffer = self._shared[key] = self._pool.another()
        return buffer.hold()

    def sketches(self, buffers: Sequence[Buffer], seed: bytes, files: Bools,
                 sketch: Sketching) -> Array:
        """Sketches of some buffers, each of which is sketched once.

        And all at once, when somebody asks for the first.

        Parameters
        ----------
        buffers : list of Buffer
            Taken in this step, and filled.
        seed : bytes
        files : ndarray of bool, shape (f,)
            Those of which any worker is asked for sketches by this seed.
        sketch : callable
            Given vectors, their sketches by this seed.
        """
        if seed != self._seed:
            self._forget()
            self._seed = seed
        if not self._rows.keys() >= set(buffers):
            some = [buffer for key, buffer in self._shared.items()
                    if buffer.filled and files[key[1]]]
            self._sketches = sketch([buffer.values for buffer in some])
            self._rows = {buffer: row for row, buffer in enumerate(some)}
        return self._sketches[[self._rows[buffer] for buffer in buffers]]


class Source(Protocol):
    """A pool of either kind."""

    def take(self, key: Key) -> Buffer | None:
        """A buffer for the vector called `key`, or None for now."""

    def sketches(self, buffers: Sequence[Buffer], seed: bytes, files: Bools,
                 sketch: Sketching) -> Array:
        """Sketches of some buffers; see `SharedPool`."""


class Pools(NamedTuple):
    """Buffers of a worker, by what they are for.

    `scratch` is where an adversary computes the truth, and `whole` where
    gradients are, if what is sent of them is something else.
    """

    gradients: Source
    payloads: Pool
    scratch: Source
    sketches: Pool | None = None
    whole: Source | None = None
