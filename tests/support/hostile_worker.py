"""A worker that breaks the protocol in every step, in another way each.

Run under mpirun with the arguments of aspis_mpi; a first argument
`--piece=BYTES` lets vectors travel in small pieces.
"""

import os
import struct
import sys
import time
from enum import Enum, auto

import numpy as np

from aspis_mpi.protocol.messages import (
    FROM_WORKER, CodedGradient, Lane, Parameters, Progress, Replica, Signal,
    Sketch)
from aspis_mpi.protocol.wire import MAGIC, PROTOCOL

#: The worker that does it.
WORKER = 3

HEADER = struct.Struct('<4sHHqiiq')


class Fate(Enum):
    """What the server makes of a worker in a step."""

    EXPOSED = auto()            # no honest worker could have sent this
    FLAGGED = auto()            # its replica disagrees
    NOTED = auto()              # malformed, but not in this step's name
    IGNORED = auto()


def header(message, kind=Replica.kind, step=None, epoch=0, position=0,
           length=None, size=None, magic=MAGIC):
    """A vector behind a header with some wrong fields, uint8 (n,)."""
    raw = np.zeros(message.buffer.raw.size if size is None else size,
                   dtype=np.uint8)
    fields = HEADER.pack(
        magic, PROTOCOL, kind, message.turn if step is None else step,
        epoch, position, raw.size - 64 if length is None else length)
    raw[:len(fields)] = np.frombuffer(fields, dtype=np.uint8)[:raw.size]
    return raw


def data(**fields):
    """Sends one such vector, larger or smaller by `more` bytes."""
    def attack(message, wire, more=fields.pop('more', 0)):
        size = message.buffer.raw.size + more
        return [(Lane.DATA, header(message, size=size, **fields))]
    return attack


def control(kind, **fields):
    """Sends one control message of a header alone, unless it has a size."""
    def attack(message, wire, size=fields.pop('size', 64)):
        return [(Lane.CONTROL, header(message, kind, size=size, **fields))]
    return attack


def bare(lane, n_bytes):
    """Sends bytes that are no message."""
    def attack(message, wire):
        return [(lane, np.arange(n_bytes).astype(np.uint8))]
    return attack


def too_long_for_control(message, wire):
    size = wire.longest(FROM_WORKER) + 1
    return [(Lane.CONTROL, header(message, Progress.kind, size=size))]


def garbage(message, wire):
    raw = np.random.default_rng(1).integers(
        256, size=message.buffer.raw.size, dtype=np.uint8)
    return [(Lane.DATA, raw)]


def not_a_number(message, wire):
    message.buffer.values[7] = np.nan
    return []


def lie(message, wire):
    message.buffer.values[7] += 1
    return []


def duplicate(message, wire):
    return [(Lane.DATA, wire.stamp(message).copy()) for _ in range(3)]


def other_step(ahead):
    def attack(message, wire):
        return [(Lane.DATA, header(message, step=message.turn + ahead,
                                   position=position))
                for position in (0, 1, 77)]
    return attack


#: What it does before its first replica of step 0, 1, ...
ATTACKS = {
    'nothing': (lambda message, wire: [], Fate.IGNORED),
    'short': (data(more=-4), Fate.EXPOSED),
    'short with another length': (data(more=-4, length=2000), Fate.EXPOSED),
    'a little too long': (data(more=4), Fate.EXPOSED),
    'much too long': (data(more=1 << 20), Fate.EXPOSED),
    'empty': (bare(Lane.DATA, 0), Fate.EXPOSED),
    'half a header': (bare(Lane.DATA, 32), Fate.EXPOSED),
    'garbage': (garbage, Fate.EXPOSED),
    'not a number': (not_a_number, Fate.FLAGGED),
    'a lane of its own': (bare(7, 500), Fate.EXPOSED),
    'wrong magic': (data(magic=b'ELSE'), Fate.EXPOSED),
    'negative length': (data(length=-1), Fate.EXPOSED),
    'unknown kind': (data(kind=999), Fate.EXPOSED),
    'kind of the server': (data(kind=Parameters.kind), Fate.EXPOSED),
    'wrong position': (data(position=3), Fate.EXPOSED),
    'negative position': (data(position=-1), Fate.EXPOSED),
    'huge position': (data(position=2**31 - 1), Fate.EXPOSED),
    'wrong epoch': (data(epoch=7), Fate.EXPOSED),
    'duplicate': (duplicate, Fate.IGNORED),
    'a step to come': (other_step(ahead=1), Fate.IGNORED),
    'a step far ahead': (other_step(ahead=1 << 40), Fate.IGNORED),
    'a step gone by': (other_step(ahead=-1), Fate.IGNORED),
    'malformed, gone by': (data(kind=999, step=0), Fate.NOTED),
    'coded gradient': (data(kind=CodedGradient.kind), Fate.IGNORED),
    'sketch': (data(kind=Sketch.kind), Fate.EXPOSED),
    'lie': (lie, Fate.FLAGGED),
    'replica as control': (control(Replica.kind), Fate.EXPOSED),
    'control too long': (too_long_for_control, Fate.EXPOSED),
    'garbage as control': (bare(Lane.CONTROL, 500), Fate.EXPOSED),
    'empty control': (bare(Lane.CONTROL, 0), Fate.EXPOSED),
    'progress with a body': (control(Progress.kind, size=80), Fate.EXPOSED),
    'progress': (control(Progress.kind, size=65, position=99), Fate.IGNORED),
    'signal': (control(Signal.kind, position=15), Fate.IGNORED),
    'nothing again': (lambda message, wire: [], Fate.IGNORED),
}


def hostile(mailbox, MPI, piece):
    """The class of mailboxes whose owner attacks."""
    attacks = [attack for attack, _ in ATTACKS.values()]

    class Hostile(mailbox):
        def __init__(self, comm, wire, known, peers, room):
            super().__init__(comm, wire, known, peers, room)
            self._channel, self._tools, self._own = comm, wire, []

        def send(self, rank, message):
            if isinstance(message, Replica) and not message.position:
                for lane, raw in attacks[message.turn](message, self._tools):
                    self._post_raw(lane, raw)
                    if lane is Lane.CONTROL:
                        time.sleep(0.1)
            super().send(rank, message)

        def _post_raw(self, lane, raw):
            for start in range(0, max(len(raw), 1), piece):
                part = raw[start:start + piece]
                self._own.append((self._channel.Isend([part, MPI.BYTE], 0,
                                                      lane), part))

        def poll(self):
            self._own = [sent for sent in self._own if not sent[0].Test()]
            return super().poll()
    return Hostile


def main():
    """Run the job; one worker is hostile."""
    from aspis_mpi import __main__
    from aspis_mpi.backends.mpi import mailbox as mpi_mailbox
    if sys.argv[1].startswith('--piece='):
        mpi_mailbox.PIECE = int(sys.argv.pop(1).partition('=')[2])
    rank = os.environ.get('OMPI_COMM_WORLD_RANK', os.environ.get('PMI_RANK'))
    if int(rank) == WORKER + 1:
        mpi_mailbox.Mailbox = hostile(mpi_mailbox.Mailbox, mpi_mailbox.MPI,
                                      mpi_mailbox.PIECE)
    return __main__.main()


if __name__ == '__main__':
    sys.exit(main())
