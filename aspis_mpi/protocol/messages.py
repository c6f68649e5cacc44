"""All messages on one page: what they mean, their lane and their bytes.

Each message is a header of 64 bytes and a body of a length that both sides
know in advance; nothing that a peer sends is ever unpickled or allocates
memory.  Two lanes each way keep their own order: CONTROL for what is short
and urgent, DATA for vectors.  All numbers are little-endian.

=========  ===========  =========================================  =======
from       message      content                                    lane
=========  ===========  =========================================  =======
server     Model        step, workers without work; the step       CONTROL
                        before it is over
server     Parameters   step, float32 (d)                          DATA
server     Encode       step, epoch, who finished what, as bits;   CONTROL
                        owner of each file: send a coded gradient
server     Skip         step, files (f) bits that have copies      CONTROL
                        enough; replaces what an earlier one said
server     Reorder      files (l) in the worker's order of         CONTROL
                        computing, from the next step on
server     Challenge    step, epoch, seed, files (f) bits: sketch  CONTROL
                        those of them that you have finished
server     Probe        seed: compute the files of the probe and  CONTROL
                        say what they are, before the first step
server     Commit       step: its gradients may be forgotten       CONTROL
server     Stop         exit code: the run is over                 CONTROL
worker     Progress     step, how many files are done so far, and  CONTROL
                        their positions (l) in its order as bits
worker     Replica      step, position in the worker's order,      DATA
                        float32 (d); its own report of progress
worker     CodedGradient  step, epoch, float32 (d/copies)          DATA
worker     Sum          step, epoch, float32 (d): like the coded   DATA
                        gradient, after a challenge of those failed
worker     Sketch       step, epoch, float64 (l, k+1, copies) of   DATA
                        its files in ascending order
worker     Answer       n sketches and digests of 88 bytes         DATA
worker     Failure      step, traceback: this rank cannot go on    CONTROL
worker     Signal       number: the operating system asked to end  CONTROL
=========  ===========  =========================================  =======
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np

from aspis_mpi.errors import MalformedMessage
from aspis_mpi.protocol.buffers import HEADER_BYTES, Buffer

MAGIC = b'ASPI'
PROTOCOL = 1

#: magic, protocol, kind, step, epoch, position, bytes of body.
_HEADER = struct.Struct('<4sHHqiiq')

#: Longest text of a `Failure`.
TEXT_BYTES = 4096


class Lane(IntEnum):
    """An ordered stream of messages; the number is the MPI tag."""

    CONTROL = 1
    DATA = 2


@dataclass(frozen=True, eq=False)
class Message:
    """Step, epoch of asking within the step, and a position or number."""

    kind: ClassVar[int]
    lane: ClassVar[Lane] = Lane.CONTROL
    step: int
    epoch: int = 0
    position: int = 0

    def body(self):
        """The bytes behind the header of a control message."""
        return b''

    @property
    def nbytes(self):
        """Bytes on the wire."""
        return HEADER_BYTES + len(self.body())


@dataclass(frozen=True, eq=False)
class Vector(Message):
    """A message whose body is a buffer, which the receiver releases."""

    lane: ClassVar[Lane] = Lane.DATA
    buffer: Buffer = None

    @property
    def nbytes(self):
        """Bytes on the wire."""
        return self.buffer.raw.size


@dataclass(frozen=True, eq=False)
class Model(Message):
    """A step begins; its parameters follow on the data lane."""

    kind = 1
    excluded: bytes = b''       # packed bits (K): who gets no work

    def body(self):
        """The excluded workers."""
        return self.excluded


@dataclass(frozen=True, eq=False)
class Parameters(Vector):
    """The parameters at which the step's gradients are taken."""

    kind = 2


@dataclass(frozen=True, eq=False)
class Encode(Message):
    """The encode-and-transmit signal with the global state vector."""

    kind = 3
    state: bytes = b''          # packed bits: who finished which of its files
    owners: bytes = b''         # int16 (f): who sends which file, or none

    def body(self):
        """State and owners."""
        return self.state + self.owners


@dataclass(frozen=True, eq=False)
class Challenge(Message):
    """A secret seed, drawn after every payload of the epoch was complete."""

    kind = 4
    seed: bytes = bytes(16)
    files: bytes = b''          # packed bits (f)

    def body(self):
        """Seed and files."""
        return self.seed + self.files


class Commit(Message):
    """The step is decided."""

    kind = 5


class Stop(Message):
    """The run is over; `position` is the exit code of every rank."""

    kind = 6


@dataclass(frozen=True, eq=False)
class Progress(Message):
    """`position` files are finished; a new count replaces an unsent one."""

    kind = 7
    finished: bytes = b''       # packed bits (l): positions of its order

    def body(self):
        """The positions."""
        return self.finished


class Replica(Vector):
    """The gradient of the file at `position` of the worker's order."""

    kind = 8


class CodedGradient(Vector):
    """One combination of the worker's gradients, as the signal asked."""

    kind = 9


class Sketch(Vector):
    """Sketches and norms of the worker's finished files."""

    kind = 10


@dataclass(frozen=True, eq=False)
class Failure(Message):
    """This rank raised and ends; the body is its traceback in UTF-8."""

    kind = 11
    text: bytes = b''

    def body(self):
        """The end of the traceback, where the error stands."""
        return self.text[-TEXT_BYTES:]


class Signal(Message):
    """The operating system sent signal `position` to this rank."""

    kind = 12


@dataclass(frozen=True, eq=False)
class Skip(Message):
    """Files that no worker needs to finish any more."""

    kind = 13
    files: bytes = b''          # packed bits (f)

    def body(self):
        """The files."""
        return self.files


@dataclass(frozen=True, eq=False)
class Reorder(Message):
    """The worker computes its files in another order from now on."""

    kind = 14
    order: bytes = b''          # int32 (l), padded with -1

    def body(self):
        """The order."""
        return self.order


class Sum(CodedGradient):
    """The sum of the gradients that the worker owns."""

    kind = 15


@dataclass(frozen=True, eq=False)
class Probe(Message):
    """Before the first step: what does everybody compute?"""

    kind = 16
    seed: bytes = bytes(16)

    def body(self):
        """The seed."""
        return self.seed


class Answer(Vector):
    """Sketches and digests of the files of the start-up probe."""

    kind = 17


FROM_SERVER = {m.kind: m for m in (Model, Parameters, Encode, Challenge,
                                   Commit, Stop, Skip, Reorder, Probe)}
FROM_WORKER = {m.kind: m for m in (Progress, Replica, CodedGradient, Sum,
                                   Sketch, Answer, Failure, Signal)}


#: Each byte with its bits in the opposite order.
_FLIPPED = bytes(int(f'{byte:08b}'[::-1], 2) for byte in range(256))


def pack_positions(mask, n_bytes):
    """The bits of an integer as `numpy.packbits` orders them.

    >>> pack_positions(0b1011, 1) == bytes([0b11010000])
    True
    """
    return mask.to_bytes(n_bytes, 'little').translate(_FLIPPED)


def unpack_positions(packed):
    """The integer that `pack_positions` packed."""
    return int.from_bytes(packed.translate(_FLIPPED), 'little')


class Wire:
    """Messages to bytes and back, with every size fixed in advance.

    Parameters
    ----------
    n_workers, n_files, n_parameters : int
    load : int
        The most files that a worker may come to have.
    payload : int
        Numbers in each vector of a worker.
    signal : int
        Bytes of `Encode` that say who finished what.
    sketches : int
        Numbers of 8 bytes in each answer to a challenge.
    answer : int
        Bytes of each answer to the start-up probe.
    """

    def __init__(self, n_workers, n_files, n_parameters, load, payload, *,
                 signal=0, sketches=0, answer=0):
        files, workers = (n_files + 7) // 8, (n_workers + 7) // 8
        self._fields = {
            Model: (workers,), Challenge: (16, files),
            Encode: (signal, 2 * n_files), Skip: (files,),
            Reorder: (4 * load,),
            Probe: (16,), Progress: ((load + 7) // 8,)}
        self._vectors = {Parameters: 4 * n_parameters, Sum: 4 * n_parameters,
                         Sketch: 8 * sketches, Answer: answer}
        self._payload = 4 * payload

    def size(self, cls):
        """Bytes of a message, of a `Failure` at most."""
        if issubclass(cls, Vector):
            return HEADER_BYTES + self._vectors.get(cls, self._payload)
        return HEADER_BYTES + (TEXT_BYTES if cls is Failure else
                               sum(self._fields.get(cls, ())))

    def longest(self, known):
        """Bytes of the longest control message of one side."""
        return max(self.size(cls) for cls in known.values()
                   if not issubclass(cls, Vector))

    def pack(self, message):
        """The bytes of a control message."""
        body = message.body()
        return _header(message, len(body)) + body

    def stamp(self, message):
        """Write the header in front of a vector; its raw bytes travel."""
        raw = message.buffer.raw
        raw[:HEADER_BYTES] = np.frombuffer(
            _header(message, raw.size - HEADER_BYTES), dtype=np.uint8)
        return raw

    def unpack(self, raw, n_bytes, known, lane, buffer=None):
        """The message in the first `n_bytes` of a receive buffer.

        Parameters
        ----------
        raw : ndarray of uint8
        n_bytes : int
            As MPI counted them.
        known : dict of int to type
            `FROM_SERVER` or `FROM_WORKER`: what the peer may send.
        lane : Lane
            Where it came.
        buffer : Buffer, optional
            The one that `raw` belongs to, on the data lane.

        Raises
        ------
        MalformedMessage
        """
        if n_bytes < HEADER_BYTES:
            raise MalformedMessage(f'{n_bytes} bytes are no header', lane)
        magic, protocol, kind, step, epoch, position, length = (
            _HEADER.unpack_from(raw))
        if magic != MAGIC or protocol != PROTOCOL:
            raise MalformedMessage('no message of this protocol', lane)
        cls = known.get(kind)
        if cls is None or cls.lane != lane:
            raise MalformedMessage(f'kind {kind} on lane {lane.name}', lane,
                                   step)
        if length != n_bytes - HEADER_BYTES:
            raise MalformedMessage(f'{cls.__name__} of {n_bytes} bytes '
                                   f'announces a body of {length}', lane,
                                   step)
        if issubclass(cls, Vector):
            self._check_size(cls, length, step)
            return cls(step, epoch, position, buffer.front(length))
        body = raw[HEADER_BYTES:n_bytes].tobytes()
        return self._control(cls, step, epoch, position, body)

    def _control(self, cls, step, epoch, position, body):
        if cls is Failure:
            return Failure(step, epoch, position, body)
        fields = self._fields.get(cls, ())
        self._check_size(cls, len(body), step)
        parts = [body[sum(fields[:i]):sum(fields[:i + 1])]
                 for i in range(len(fields))]
        return cls(step, epoch, position, *parts)

    def _check_size(self, cls, length, step):
        due = self.size(cls) - HEADER_BYTES
        if length != due:
            raise MalformedMessage(f'{cls.__name__} with a body of {length} '
                                   f'bytes, not {due}', cls.lane, step)


def _header(message, length):
    packed = _HEADER.pack(MAGIC, PROTOCOL, message.kind, message.step,
                          message.epoch, message.position, length)
    return packed.ljust(HEADER_BYTES, b'\0')
