"""Messages to bytes and back, by what each message says of itself."""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from aspis_mpi.arrays import Raw
from aspis_mpi.errors import MalformedMessage
from aspis_mpi.protocol.buffers import HEADER_BYTES, Buffer
from aspis_mpi.protocol.messages import (
    MESSAGES, Lane, Message, Sizes, Vector)

MAGIC = b'ASPI'
PROTOCOL = 2

#: magic, protocol, kind, turn, epoch, position, bytes of body.
_HEADER = struct.Struct('<4sHHqiiq')
#: In the rest of a vector's header: kind, position and body of a short
#: control message of the same turn that comes before it.
_AHEAD = struct.Struct('<Hi26s')
_SHORT = 26


class Wire:
    """Messages to bytes and back, with every size fixed in advance.

    Parameters
    ----------
    sizes : Sizes
    """

    def __init__(self, sizes: Sizes):
        # Bytes of each body, and where each of its parts is.
        self._lengths: dict[type[Message], int] = {}
        self._cuts: dict[type[Message], list[slice]] = {}
        # Another length that some vectors may have.
        self._shorter: dict[type[Message], int] = {}
        for cls in MESSAGES:
            ends = np.cumsum([0, *(it.size(sizes) for it in cls.parts)])
            self._lengths[cls] = int(ends[-1])
            if issubclass(cls, Vector):
                self._shorter[cls] = cls.shorter(sizes)
            self._cuts[cls] = [slice(*map(int, cut))
                               for cut in zip(ends, ends[1:])]

    def size(self, cls: type[Message]) -> int:
        """Bytes of a message, at most where that varies."""
        return HEADER_BYTES + self._lengths[cls]

    def longest(self, known: Mapping[int, type[Message]]) -> int:
        """Bytes of the longest control message of one side."""
        return max(self.size(cls) for cls in known.values()
                   if cls.lane is Lane.CONTROL)

    def pack(self, message: Message) -> bytes:
        """The bytes of a control message."""
        body = message.body
        return _header(message, len(body)) + body

    def stamp(self, message: Vector) -> Raw:
        """Write the header in front of a vector; its raw bytes travel."""
        raw = message.buffer.raw
        # It may be on its way already: what stands behind these stays.
        _HEADER.pack_into(raw, 0,       # type: ignore[arg-type]
                          *_fields(message, raw.size - HEADER_BYTES))
        return raw

    def fits(self, cls: type[Message]) -> bool:
        """True if a control message can travel in a vector's header."""
        return self._lengths[cls] <= _SHORT

    def join(self, message: Message, vector: Vector) -> Raw:
        """A vector's raw bytes, with a message that `fits` in its header."""
        raw = self.stamp(vector)
        _AHEAD.pack_into(raw, _HEADER.size,     # type: ignore[arg-type]
                         message.kind, message.position, message.body)
        return raw

    def part(self, raw: Raw, n_bytes: int,
             known: Mapping[int, type[Message]],
             buffer: Buffer) -> tuple[Message, Message]:
        """Both of two messages that were joined; see `join` and `unpack`.

        Raises
        ------
        MalformedMessage
        """
        vector = self.unpack(raw, n_bytes, known, Lane.DATA, buffer)
        kind, position, body = _AHEAD.unpack_from(
            raw, _HEADER.size)      # type: ignore[arg-type]
        cls: Any = known.get(kind)
        if cls is None or cls.lane != Lane.CONTROL or not self.fits(cls):
            raise MalformedMessage(f'kind {kind} in front of a vector',
                                   Lane.DATA, vector.turn)
        return cls(vector.turn, 0, position, *[
            body[cut] for cut in self._cuts[cls]]), vector

    def unpack(self, raw: Raw, n_bytes: int,
               known: Mapping[int, type[Message]], lane: Lane,
               buffer: Buffer | None = None) -> Message:
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
        magic, protocol, kind, turn, epoch, position, length = (
            _HEADER.unpack_from(raw))   # type: ignore[arg-type]
        if magic != MAGIC or protocol != PROTOCOL:
            raise MalformedMessage('no message of this protocol', lane)
        cls: Any = known.get(kind)
        if cls is None or cls.lane != lane:
            raise MalformedMessage(f'kind {kind} on lane {lane.name}', lane,
                                   turn)
        if length != n_bytes - HEADER_BYTES:
            raise MalformedMessage(f'{cls.__name__} of {n_bytes} bytes '
                                   f'announces a body of {length}', lane,
                                   turn)
        due = self._lengths[cls]
        if length != due and not cls.varies and (
                not length or length != self._shorter.get(cls)):
            raise MalformedMessage(f'{cls.__name__} with a body of {length} '
                                   f'bytes, not {due}', lane, turn)
        if lane is Lane.DATA and buffer is not None:
            return cls(turn, epoch, position, buffer.front(length))
        if not length:
            return cls(turn, epoch, position)
        body = raw[HEADER_BYTES:n_bytes].tobytes()
        return cls(turn, epoch, position,
                   *[body[cut] for cut in self._cuts[cls]])


def _fields(message: Message, length: int) -> tuple[Any, ...]:
    return (MAGIC, PROTOCOL, message.kind, message.turn, message.epoch,
            message.position, length)


def _header(message: Message, length: int) -> bytes:
    return _HEADER.pack(*_fields(message, length)).ljust(HEADER_BYTES, b'\0')
