"""All messages on one page: what they mean, who sends them, their bytes.

Each message is a header of 64 bytes and a body of a length that both sides
know in advance; nothing that a peer sends is ever unpickled or allocates
memory.  Two lanes each way keep their own order: CONTROL for what is short
and urgent, DATA for vectors.  All numbers are little-endian.

A message says once who sends it, its number, what the numbers of its header
are, and the parts of its body with their bytes.  How it is packed, how long
it is, who may send it and the table of the documentation follow from that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cached_property
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, TypeVar, dataclass_transform

import numpy as np

from aspis_mpi.arrays import Bools
from aspis_mpi.protocol.buffers import HEADER_BYTES, Carrier

#: Longest text of a `Failure`.
TEXT_BYTES = 4096

#: Who sends a message.
SERVER, WORKER = 'server', 'worker'


class Lane(IntEnum):
    """An ordered stream of messages; the number is the MPI tag."""

    CONTROL = 1
    DATA = 2


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of a job that both sides know before its first message.

    Attributes
    ----------
    n_workers, n_files, n_parameters : int
    load : int
        The most files that a worker may come to have.
    payload : int
        Numbers of 4 bytes in each vector of a worker.
    narrow : int
        The same of a vector of few files, where that is shorter; else 0.
    whole : int
        The same of a sum with all that travels of each file; 0 where that is
        every parameter.
    grid : int
        Bytes of a grid.
    signal : int
        Bytes of `Encode` that say who finished what.
    sketches : int
        Numbers of 8 bytes in each answer to a challenge.
    answer : int
        Bytes of each answer to the start-up probe.
    """

    n_workers: int
    n_files: int
    n_parameters: int
    load: int
    payload: int
    whole: int = 0
    narrow: int = 0
    grid: int = 0
    signal: int = 0
    sketches: int = 0
    answer: int = 0


#: Given the sizes of a job, the bytes of a part.
Size = Callable[[Sizes], int]


class Part(NamedTuple):
    """One part of a message's body.

    Attributes
    ----------
    name : str
        The attribute of the message.
    meaning : str
    size : Size
    """

    name: str
    meaning: str
    size: Size


def part(meaning: str, size: Size, default: bytes | None = b'') -> Any:
    """Declare a part of a body, in the order of the bytes; see `Part`."""
    return field(default=default, metadata={'meaning': meaning,
                                            'size': size})


def bits(n: int) -> int:
    """Bytes that hold n bits."""
    return (n + 7) // 8


# --- what a message is --------------------------------------------------

@dataclass(frozen=True, eq=False)
class Message:
    """Turn, epoch of asking within the turn, and a position or number.

    A turn is one `Model` of a run: a step that is done again is another one.
    All matching is by turn.

    Attributes
    ----------
    sender : str
        SERVER or WORKER.
    kind : int
        Its number on the wire.
    lane : Lane
    numbers : tuple of str
        What of the header it uses, and for what.
    parts : tuple of Part
        Of its body.
    varies : bool
        The body may be shorter than its parts say.
    """

    sender: ClassVar[str]
    kind: ClassVar[int]
    lane: ClassVar[Lane] = Lane.CONTROL
    numbers: ClassVar[tuple[str, ...]]
    parts: ClassVar[tuple[Part, ...]]
    varies: ClassVar[bool] = False
    turn: int
    epoch: int = 0
    position: int = 0

    @property
    def body(self) -> bytes:
        """The bytes behind the header of a control message."""
        return b''

    @property
    def nbytes(self) -> int:
        """Bytes on the wire."""
        return HEADER_BYTES + len(self.body)


#: Default of what is always given, since those in front of it have one.
_GIVEN: Any = None


@dataclass(frozen=True, eq=False)
class Vector(Message):
    """A message whose body is a buffer, which the receiver releases."""

    lane: ClassVar[Lane] = Lane.DATA
    buffer: Carrier = _GIVEN

    @property
    def nbytes(self) -> int:
        """Bytes on the wire."""
        return self.buffer.raw.size

    @classmethod
    def shorter(cls, job: Sizes) -> int:
        """Bytes of the other length that its body may have; 0 for none."""
        return 0


#: Every message, in the order of this page.
MESSAGES: list[type[Message]] = []
#: What a side says: to whom, by number, and what.
Said = list[tuple[int, Message]]

Declared = TypeVar('Declared', bound=Message)


@dataclass_transform(frozen_default=True, eq_default=False)
def sent_by(sender: str, kind: int,
            *numbers: str) -> Callable[[type[Declared]], type[Declared]]:
    """Declare a message: who sends it, its number, what its numbers are."""
    def declare(cls: type[Declared]) -> type[Declared]:
        cls = dataclass(frozen=True, eq=False)(cls)
        taken = {other.kind: other for other in MESSAGES}
        if kind in taken:
            raise ValueError(f'{cls.__name__} and {taken[kind].__name__} are '
                             f'both of kind {kind}')
        cls.sender, cls.kind, cls.numbers = sender, kind, numbers
        cls.parts = tuple(Part(it.name, **it.metadata) for it in fields(cls)
                          if it.metadata)
        if cls.lane is Lane.CONTROL and 'body' not in vars(cls):
            body = _joined([it.name for it in cls.parts])
            cls.body = body     # type: ignore[method-assign]
        MESSAGES.append(cls)
        return cls
    return declare


def _joined(names: Sequence[str]) -> Any:
    """A property that answers some parts, one after the other."""
    if not names:
        return Message.body
    parts = attrgetter(*names)
    if len(names) == 1:
        return property(parts)
    return property(lambda self: b''.join(parts(self)))


def vector(meaning: str, size: Size) -> Any:
    """Declare the numbers of a vector."""
    return part(meaning, size, None)


# --- what the server sends ----------------------------------------------

@sent_by(SERVER, 1, 'turn', 'position: the step')
class Model(Message):
    """The beginning of a step, and the end of the one before."""

    excluded: bytes = part('bits (K): who gets no work',
                           lambda job: bits(job.n_workers))
    grid: bytes = part('int8: exponent of each block of integer files',
                       lambda job: job.grid)


@sent_by(SERVER, 2, 'turn')
class Parameters(Vector):
    """The parameters at which the step's gradients are taken."""

    buffer: Carrier = vector('float32 (d)', lambda job: 4 * job.n_parameters)


@sent_by(SERVER, 3, 'turn', 'epoch')
class Encode(Message):
    """Send a coded gradient: the signal with the global state vector."""

    state: bytes = part('bits: who finished which of its files',
                        lambda job: job.signal)
    owners: bytes = part('int16 (f): who sends which file, or none',
                         lambda job: 2 * job.n_files)


@sent_by(SERVER, 13, 'turn')
class Skip(Message):
    """Files that no worker needs to finish; replaces an earlier one."""

    files: bytes = part('bits (f): files that have copies enough',
                        lambda job: bits(job.n_files))


@sent_by(SERVER, 14, 'turn')
class Reorder(Message):
    """The order in which the worker computes its files from now on."""

    order: bytes = part('int32 (l): files in that order, padded with -1',
                        lambda job: 4 * job.load)


@sent_by(SERVER, 4, 'turn', 'epoch')
class Challenge(Message):
    """Sketch your files by a secret seed, drawn after all payloads came."""

    seed: bytes = part('16 bytes: the seed', lambda job: 16, bytes(16))
    files: bytes = part('bits (f): of these files, what is finished',
                        lambda job: bits(job.n_files))

    @cached_property
    def wanted(self) -> Bools:
        """The files that it names, bool, at least (f,)."""
        return np.unpackbits(np.frombuffer(self.files, np.uint8)).view(bool)


class Purpose(IntEnum):
    """Answers to `Compute`."""

    CHECK = 0       # a `Sketch` of the files
    OWN = 1         # their `Sum`
    AGAIN = 2       # their `Sum`, to be compared with that of another worker


@sent_by(SERVER, 18, 'turn', 'epoch', 'position: a `Purpose`')
class Compute(Message):
    """Compute files besides your own, once more or in another's place."""

    seed: bytes = part('16 bytes: the seed of a check', lambda job: 16,
                       bytes(16))
    files: bytes = part('bits (f): these', lambda job: bits(job.n_files))


@sent_by(SERVER, 16)
class Probe(Message):
    """Say what you compute for the same files, before the first step."""

    seed: bytes = part('16 bytes: the seed', lambda job: 16, bytes(16))


@sent_by(SERVER, 5, 'turn')
class Commit(Message):
    """The end of a step: its gradients may be forgotten."""


@sent_by(SERVER, 6, 'turn', "position: every rank's exit code")
class Stop(Message):
    """The end of the run."""


# --- what a worker sends ------------------------------------------------

@sent_by(WORKER, 7, 'turn', 'position: how many files are finished')
class Progress(Message):
    """Files that are finished; a new count replaces an unsent one."""

    finished: bytes = part('bits (l): their positions in its order',
                           lambda job: bits(job.load))


@sent_by(WORKER, 8, 'turn', 'position in its order')
class Replica(Vector):
    """The gradient of one file; its own report of progress."""

    buffer: Carrier = vector('float32 (d), or its integers',
                             lambda job: 4 * job.payload)


@sent_by(WORKER, 9, 'turn', 'epoch')
class CodedGradient(Vector):
    """One combination of the worker's gradients, as the signal asked."""

    buffer: Carrier = vector('float32 (d/copies), or integers',
                             lambda job: 4 * job.payload)

    @classmethod
    def shorter(cls, job: Sizes) -> int:
        """Bytes of the sum of few files of integers."""
        return 4 * job.narrow


@sent_by(WORKER, 15, 'turn', 'epoch')
class Sum(CodedGradient):
    """The sum of the gradients that it owns.

    Unasked where only it has its files; else once coded ones failed.
    """

    buffer: Carrier = vector('float32 (d), or integers', lambda job: 4 * (
        job.whole or job.n_parameters))


@sent_by(WORKER, 10, 'turn', 'epoch')
class Sketch(Vector):
    """Sketches and norms of the worker's finished files."""

    buffer: Carrier = vector('float64, of integers int64, (l, k+1, '
                             'copies), by ascending file',
                             lambda job: 8 * job.sketches)


@sent_by(WORKER, 17)
class Answer(Vector):
    """Sketches and digests of the files of the start-up probe."""

    buffer: Carrier = vector('n times 344 bytes', lambda job: job.answer)


@sent_by(WORKER, 11, 'turn')
class Failure(Message):
    """The error with which this rank ends."""

    varies = True
    text: bytes = part('traceback in UTF-8, its end where it is long',
                       lambda job: TEXT_BYTES)

    @property
    def body(self) -> bytes:
        """The end of the traceback, where the error stands."""
        return self.text[-TEXT_BYTES:]


@sent_by(WORKER, 12, 'turn', 'position: the number of the signal')
class Signal(Message):
    """The signal by which the operating system asked a rank to end."""


FROM_SERVER, FROM_WORKER = (
    {cls.kind: cls for cls in MESSAGES if cls.sender == sender}
    for sender in (SERVER, WORKER))


# --- bits ----------------------------------------------------------------

#: Each byte with its bits in the opposite order.
_FLIPPED = bytes(int(f'{byte:08b}'[::-1], 2) for byte in range(256))


def pack_positions(mask: int, n_bytes: int) -> bytes:
    """The bits of an integer as `numpy.packbits` orders them.

    >>> pack_positions(0b1011, 1) == bytes([0b11010000])
    True
    """
    return mask.to_bytes(n_bytes, 'little').translate(_FLIPPED)


def unpack_positions(packed: bytes) -> int:
    """The integer that `pack_positions` packed."""
    return int.from_bytes(packed.translate(_FLIPPED), 'little')
