"""A worker that sends anything, and an honest one that gives it the time.

Run under mpirun with the arguments of aspis_mpi, after `--messages=N` and
`--steps=N`; `--piece=BYTES` lets vectors travel in small pieces.  A worker's
messages are those of an honest one, with hostile ones among them.  How many
these are does not depend on time: in each step another worker waits for its
share of them.
"""

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from aspis_mpi.protocol.messages import (
    CodedGradient, Failure, Lane, Model, Signal, Vector)
from aspis_mpi.protocol.wire import MAGIC
from tests.support.hostile_worker import HEADER, WORKER

#: The worker that waits, and for how many seconds at most.
PATIENT, LIMIT = 0, 200.0
#: Hostile messages that the server has not begun to take, at most.
UNDER_WAY = 16
#: Steps after this one that may have begun already.
SOON = 1000
#: Messages of a flood.
FLOOD = 100
#: Where the hostile worker says how many have been taken, in the job's
#: folder.
SENT = 'sent.json'
#: Where rank 0 says how much memory it needs, there too, whenever it has
#: taken so many messages more.
MEMORY, OFTEN = 'memory', 25
#: Longer than any buffer of these jobs; no message of this size is copied.
LONG = np.full(4 << 20, 7, dtype=np.uint8)
#: What a step, an epoch or a position can be where it should not.
ODD = -2 ** 31, -1, 0, 1, 2, 77, 2 ** 31 - 1
FAR = -2 ** 40, -2, -1, 2 ** 40, 2 ** 62


def pick(rng, things):
    """One of some things."""
    return things[int(rng.integers(len(things)))]


def changed(raw, **fields):
    """The bytes of a message some of whose fields are others, uint8 (n,)."""
    names = 'magic', 'protocol', 'kind', 'step', 'epoch', 'position', 'length'
    before = dict(zip(names, HEADER.unpack_from(raw)))
    raw = raw.copy()
    head = HEADER.pack(*(before | fields).values())
    raw[:len(head)] = np.frombuffer(head, dtype=np.uint8)
    return raw


def flipped(rng, raw, last):
    """The same with one bit turned over, before a byte."""
    raw = raw.copy()
    raw[int(rng.integers(min(last, raw.size)))] ^= 1 << int(rng.integers(8))
    return raw


def noise(rng, size):
    """Random bytes, uint8 (n,)."""
    return rng.integers(256, size=size, dtype=np.uint8)


#: Given a generator, a lane and the latest message sent by it, what is sent
#: by which tag: of what an honest worker could have sent too late.
QUIET = {
    'step': lambda rng, lane, it: (lane, changed(it, step=step_of(it) + pick(
        rng, FAR))),
    'duplicate': lambda rng, lane, it: (lane, it),
    'signal': lambda rng, lane, it: (Lane.CONTROL, changed(
        it[:64], kind=Signal.kind, position=pick(rng, ODD), length=0)),
    'other epoch': lambda rng, lane, it: (lane, it) if (
        lane is Lane.CONTROL) else (lane, changed(
            it, kind=CodedGradient.kind, epoch=77)),
}
#: And of the rest.
LOUD = {
    'no lane': lambda rng, lane, it: (
        pick(rng, [0, 3, 99, 32767]), noise(rng, pick(rng, [0, 9, 5000]))),
    'no lane, long': lambda rng, lane, it: (
        pick(rng, [0, 3, 99]), LONG[:int(rng.integers(LONG.size))]),
    'other lane': lambda rng, lane, it: (3 - lane, it),
    'short': lambda rng, lane, it: (lane, it[:int(rng.integers(it.size))]),
    'long': lambda rng, lane, it: (lane, np.concatenate(
        [it, noise(rng, int(rng.integers(1, 5000)))])),
    'much too long': lambda rng, lane, it: (
        lane, LONG[:int(rng.integers(1 << 15, LONG.size))]),
    'garbage': lambda rng, lane, it: (lane, noise(rng, it.size)),
    'bytes': lambda rng, lane, it: (
        pick(rng, list(Lane)), noise(rng, pick(rng, [0, 1, 63, 64, 65]))),
    'magic': lambda rng, lane, it: (lane, changed(it, magic=b'ELSE')),
    'protocol': lambda rng, lane, it: (lane, changed(it, protocol=7)),
    'kind': lambda rng, lane, it: (lane, changed(
        it, kind=int(rng.integers(20)))),
    'length': lambda rng, lane, it: (lane, changed(
        it, length=int(rng.integers(-2 ** 63, 2 ** 63 - 1)))),
    'position': lambda rng, lane, it: (lane, changed(
        it, position=pick(rng, ODD))),
    'epoch': lambda rng, lane, it: (lane, changed(it, epoch=pick(rng, ODD))),
    'bit of header': lambda rng, lane, it: (lane, flipped(rng, it, 32)),
}


#: Messages that are so long that the server never takes them.
KEPT = []


def step_of(raw):
    """The step that a header names."""
    return HEADER.unpack_from(raw)[3]


def forbidden(raw, now):
    """Whether these bytes say that this rank cannot go on, or what will be
    in a step to come: it would be asked for what it does not have."""
    if raw.size < 64:
        return False
    magic, _, kind, step, *_ = HEADER.unpack_from(raw)
    return magic == MAGIC and (kind == Failure.kind
                               or now < step < now + SOON)


def hostile(mailbox, MPI, piece, waste, share):
    """The class of mailboxes whose owner attacks."""
    class Hostile(mailbox):
        def __init__(self, comm, wire, *rest):
            super().__init__(comm, wire, *rest)
            self._channel, self._tools, self._step = comm, wire, -1
            self._seen, self._flying = {}, []
            self._done, self._rng = Counter(), np.random.default_rng(5)

        def send(self, rank, message):
            raw = (self._tools.stamp(message) if isinstance(message, Vector)
                   else np.frombuffer(self._tools.pack(message), np.uint8))
            self._seen[message.lane] = raw.copy()
            super().send(rank, message)

        def poll(self):
            arrived = super().poll()
            for _, message in arrived:
                if isinstance(message, Model):
                    self._step = message.turn
            self._flying = [sent for sent in self._flying
                            if not sent[0].Test()]
            due = int(share * (self._step + 1))
            while self._seen and len(self._flying) < UNDER_WAY and (
                    self._done.total() < due):
                self._act(due - self._done.total())
            if not self._flying:
                tell(self._done)
            return arrived

        def _act(self, most):
            """Send something, maybe again and again; `most` at the most."""
            rng, lane = self._rng, pick(self._rng, list(self._seen))
            acts = LOUD if self._step % 2 and rng.random() < 0.5 else QUIET
            name = pick(rng, list(acts))
            tag, raw = acts[name](rng, lane, self._seen[lane])
            if forbidden(raw, self._step):
                return
            times = FLOOD if rng.random() < 0.003 else 1
            for _ in range(min(times, most)):
                self._done[name] += 1
                for start in range(0, max(raw.size, 1), piece):
                    part = raw[start:start + piece]
                    sent = self._channel.Issend([part, MPI.BYTE], 0, int(tag))
                    # It is complete when the server takes it.
                    if part.size <= waste:
                        self._flying.append((sent, part))
                    else:
                        KEPT.append((sent, part))
    return Hostile


def tell(done):
    """Say how many messages the server has taken."""
    path = Path(f'{SENT}.new')
    path.write_text(json.dumps(done))
    path.rename(SENT)


def taken(folder='.'):
    """How many it has taken, by kind."""
    path = Path(folder) / SENT
    return json.loads(path.read_text()) if path.exists() else {}


def patient(mailbox, share):
    """The class of mailboxes whose owner waits for the hostile ones."""
    class Patient(mailbox):
        def send(self, rank, message):
            end = time.monotonic() + LIMIT
            while sum(taken().values()) < int(share * (message.turn + 1)) and (
                    time.monotonic() < end):
                time.sleep(1e-3)
            super().send(rank, message)
    return Patient


def measuring(mailbox, least):
    """The class of mailboxes whose owner looks at its own memory.

    After so many hostile messages: what it needs at all, it has by then.
    """
    class Measuring(mailbox):
        _more = 0

        def poll(self):
            arrived = super().poll()
            self._more += len(arrived)
            if self._more >= OFTEN and sum(taken().values()) >= least:
                self._more = 0
                with open(MEMORY, 'a') as file:
                    print(resident(), file=file)
            return arrived
    return Measuring


def resident():
    """Resident bytes that are this process's own.

    Pages that MPI shares between processes have a bound, and come with the
    first messages of a kind.
    """
    text = Path('/proc/self/status').read_text()
    return 1024 * int(text.partition('RssAnon:')[2].split()[0])


def measured(folder):
    """What rank 0 has found, in turn."""
    return [int(line) for line in
            (Path(folder) / MEMORY).read_text().splitlines()]


def forget(folder):
    """Remove what an earlier run has said."""
    for name in SENT, MEMORY:
        (Path(folder) / name).unlink(missing_ok=True)


def main():
    """Run the job; one worker is hostile."""
    from aspis_mpi.backends.mpi import mailbox as mpi_mailbox
    options = {}
    while sys.argv[1].startswith('--') and '=' in sys.argv[1]:
        name, _, value = sys.argv.pop(1)[2:].partition('=')
        options[name] = int(value)
    share = options['messages'] / options['steps']
    mpi_mailbox.PIECE = options.get('piece', mpi_mailbox.PIECE)
    rank = int(os.environ.get('OMPI_COMM_WORLD_RANK',
                              os.environ.get('PMI_RANK')))
    # Before any other module takes the name.
    if rank == WORKER + 1:
        mpi_mailbox.Mailbox = hostile(mpi_mailbox.Mailbox, mpi_mailbox.MPI,
                                      mpi_mailbox.PIECE, mpi_mailbox.WASTE,
                                      share)
    if not rank:
        mpi_mailbox.Mailbox = measuring(mpi_mailbox.Mailbox,
                                        options['messages'] // 4)
    if rank == PATIENT + 1:
        mpi_mailbox.Mailbox = patient(mpi_mailbox.Mailbox, share)
    from aspis_mpi import __main__
    return __main__.main()


if __name__ == '__main__':
    sys.exit(main())
