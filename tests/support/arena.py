"""Peers that send anything, as bytes, beside honest workers."""

import gc
import tracemalloc
from collections import Counter, deque
from dataclasses import replace

import numpy as np

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.simulated import VirtualClock
from aspis_mpi.compression import mask
from aspis_mpi.errors import MalformedMessage
from aspis_mpi.protocol.messages import (
    FROM_WORKER, CodedGradient, Failure, Lane, Progress, Sketch, Sum, Vector)
from aspis_mpi.protocol.server.drive import drive
from aspis_mpi.protocol.server.states import WAITS, State
from aspis_mpi.protocol.wire import MAGIC, PROTOCOL
from aspis_mpi.schemes.record import BY_SERVER, CODED, Outcome
from tests.support.coded_jobs import at_rest, distance, sums
from tests.support.forgery import (
    HEADER, LIES, LOUD, MOODS, QUIET, TRUTHFUL, Peer, pick, stray)

#: Of one step of a run that gets on, at most.
EVENTS = 20_000


class Door:
    """Takes bytes to a server as the mailbox of rank 0 does.

    Parameters
    ----------
    assembly : Assembly
    server : ParameterServer
    """

    def __init__(self, assembly, server):
        self.server = server
        self.pool = assembly.incoming()
        self.wire = assembly.wire()
        self._control = np.empty(self.wire.longest(FROM_WORKER), np.uint8)

    def take(self, worker, tag, raw):
        """What the server answers, and why that was no message or None."""
        message = self._read(tag, raw)
        if isinstance(message, MalformedMessage):
            return self.rest(self.server.malformed(
                worker, str(message), message.turn)), message
        return self.rest(self.server.handle(worker, message)), None

    def rest(self, out):
        """Let the server compute what is due."""
        said = []
        drive(self.server, out, said.extend)
        return said

    def _read(self, tag, raw):
        if tag not in list(Lane):
            return MalformedMessage(f'there is no lane {tag}', None)
        buffer = self.pool.take() if tag == Lane.DATA else None
        room = self._control if buffer is None else buffer.raw
        try:
            if len(raw) > room.size:
                raise MalformedMessage('longer than any of its lane',
                                       Lane(tag))
            room[:len(raw)] = np.frombuffer(raw, dtype=np.uint8)
            return self.wire.unpack(room, len(raw), FROM_WORKER, Lane(tag),
                                    buffer)
        except MalformedMessage as error:
            if buffer is not None:
                buffer.release()
            # What it refers to would live until the next collection.
            return error.with_traceback(None)


class Arena:
    """Honest workers as they are, hostile ones beside them.

    Everything is handed over at once; who goes next is drawn.  What must
    hold of every step is asserted when it is over.

    Parameters
    ----------
    assembly : Assembly
    hostile : sequence of int
    rng : numpy.random.Generator
    rate : float
        How often a hostile peer acts before somebody else does.
    truthful : bool
        Whether every value that can count is right, as nothing would notice
        a wrong one.
    outvoted : bool
        Whether the hostile are few enough; else only that the run ends is
        asserted, and that nothing raises.
    probes : bool
        Whether the run begins with the start-up probe.

    Attributes
    ----------
    server : ParameterServer
    sent : Counter of str to int
        Hostile messages by kind of act.
    records : list of StepRecord
        Those of the last steps.
    traced : list of int
        Bytes in use after each fifth step, where `tracemalloc` is on.
    """

    def __init__(self, assembly, hostile, rng, rate=0.6, truthful=False,
                 outvoted=True, probes=False):
        self.clock = VirtualClock()
        self.server = assembly.server(self.clock, probes)
        self.door = Door(assembly, self.server)
        self.sent, self.records, self.traced = Counter(), deque(maxlen=9), []
        self.peers = {n: Peer(assembly, n) for n in hostile}
        self.pools = {n: assembly.pools() for n in range(
            assembly.job.n_workers) if n not in self.peers}
        self.workers = {n: assembly.worker(n, self.clock, pools)
                        for n, pools in self.pools.items()}
        self._assembly, self._rng, self._rate = assembly, rng, rate
        self._truthful, self._outvoted = truthful, outvoted
        self._reference = Assembly(assembly.job)
        self._heard = deque(maxlen=32)
        self._step, self._events = None, 0

    def run(self):
        """Drive the run to its end; the exit code."""
        self._give(self.door.rest(self.server.start()))
        while self.server.exit_code is None:
            if self.server.step != self._step:
                self._turn()
            self._events += 1
            assert self._events < EVENTS, f'step {self._step} goes on'
            self._attack() or self._advance() or self._sleep()
        self._turn()
        for pools in self.pools.values():
            assert all(map(at_rest, set(pools) - {None}))
        return self.server.exit_code

    # -- honest workers and the clock

    def _give(self, messages):
        for number, message in messages:
            if number in self.peers:
                self.peers[number].hear(message)
                continue
            if isinstance(message, Vector):
                message.buffer.hold()
            self.workers[number].handle(message)

    def _advance(self):
        """Let an honest worker do something, if any can."""
        ready = [worker for worker in self.workers.values()
                 if worker.due <= self.clock.now]
        if not ready:
            return False
        worker = pick(self._rng, ready)
        message = worker.advance()
        if message is None:
            return True
        if isinstance(message, Vector):
            raw = self.door.wire.stamp(message).tobytes()
            message.buffer.release()
        else:
            raw = self.door.wire.pack(message)
        self._heard.append((int(message.lane), raw))
        out, wrong = self.door.take(worker.number, *self._heard[-1])
        assert wrong is None
        self._give(out)
        return True

    def _sleep(self):
        ends = min((worker.due for worker in self.workers.values()),
                   default=np.inf)
        now = min(ends, self.server.deadline)
        assert now < np.inf, f'{self.server.state} for ever'
        self.clock.now = max(self.clock.now, now)
        self._give(self.door.rest(self.server.tick()))

    # -- hostile peers

    def _attack(self):
        """One hostile act, maybe."""
        rng = self._rng
        if not self.peers or rng.random() > self._rate:
            return False
        peer = pick(rng, list(self.peers.values()))
        mood = peer.mood
        if self.server.state is not State.COMPUTING:
            mood = {'patient': 'loud', 'tease': 'mute'}.get(mood, mood)
        if mood == 'mute':
            return False
        act = rng.choice(['due', 'quiet', 'loud', 'lie'], p=MOODS[mood])
        due = peer.due() if act in ('due', 'lie') else None
        if due is None:
            self._noise(peer, act == 'loud')
        else:
            self._owed(peer, due, act == 'lie')
        return True

    def _owed(self, peer, due, lies):
        """What is due, or a lie in its place."""
        said, name = due, 'due'
        if lies and due.kind != Progress.kind:
            name = pick(self._rng, list(LIES))
            right = np.frombuffer(
                due.body, '<f8' if due.kind == Sketch.kind else '<f4')
            with np.errstate(all='ignore'):
                wrong = LIES[name](self._rng, right).astype(right.dtype)
            said = replace(due, body=wrong.tobytes())
        if said.body != due.body:
            self._guilty.add(peer.number)
        peer.took(due)
        peer.sent.append(said.sealed)
        self._send(peer, name, said.sealed)

    def _noise(self, peer, loud):
        """What is not due; sometimes hundreds of times."""
        rng = self._rng
        name = pick(rng, [*LOUD, 'replay'] if loud else list(QUIET))
        if name == 'replay':
            sealed = pick(rng, [*peer.sent, *self._heard, (1, b'?')])
        else:
            sealed = (LOUD | QUIET)[name](
                rng, peer, peer.due() or stray(rng, peer))
        if loud:
            self._guilty.add(peer.number)
        times = int(rng.integers(100, 400)) if rng.random() < 0.003 else 1
        for _ in range(times):
            self._send(peer, name, sealed)

    def _send(self, peer, name, sealed):
        server, number = self.server, peer.number
        if self._forbidden(peer, *sealed) or server.exit_code is not None:
            return
        state, step = server.state, server.step
        out, wrong = self.door.take(number, *sealed)
        self.sent[name] += 1
        if name in QUIET and self._outvoted and number not in self._guilty:
            # It neither proves nor changes anything.
            assert wrong is None and not out, name
            assert (server.state, server.step) == (state, step), name
        if wrong is not None and wrong.turn in (None, step) and (
                state in WAITS and state is not State.PROBING):
            self._accused.add(number)
        self._give(out)

    def _forbidden(self, peer, tag, raw):
        """Whether this may change the result, or end the run by right."""
        if len(raw) < 64 or tag not in list(Lane):
            return False
        magic, protocol, kind, step, epoch, _, _ = HEADER.unpack_from(raw)
        if (magic, protocol) != (MAGIC, PROTOCOL):
            return False
        if kind == Failure.kind:
            return True
        if not self._truthful or peer.latest is None or step != peer.step:
            return False
        return kind in (CodedGradient.kind, Sum.kind) and (
            epoch == peer.latest.epoch
            and raw[64:] != peer.vector(peer.latest).body)

    # -- what must hold of each step

    def _turn(self):
        """A step is over: judge it, and begin the next."""
        notes, values = self.server.notes, self.server.parameters
        texts = [event.text for event in notes.events]
        for record in notes.records:
            if self._outvoted:
                self._judge(record, texts)
            self.records.append(record)
        notes.records.clear()
        notes.events.clear()
        # A run that is stopped leaves its last step as it is.
        assert self.server.exit_code or at_rest(self.door.pool)
        if tracemalloc.is_tracing() and not self.server.step % 5:
            gc.collect()
            self.traced.append(tracemalloc.get_traced_memory()[0])
        self._values = values.values.copy()
        self._step, self._events = self.server.step, 0
        self._guilty, self._accused = set(), set()
        for peer in self.peers.values():
            peer.mood = pick(self._rng, TRUTHFUL if self._truthful
                             else list(MOODS))
            peer.lie = None
            if peer.mood == 'crooked':
                self._guilty.add(peer.number)
                peer.lie = LIES[pick(self._rng, list(LIES))]

    def _judge(self, record, texts):
        honest = np.array(sorted(self.workers), dtype=int)
        for what in record.exposed, record.excluded, record.flagged:
            assert not what[honest].any(), record.step
        job = self._assembly.job
        most = self._assembly.assignment.width + 8
        assert record.seconds_step <= most * job.faults.silence
        for number in self._accused:
            silent = f'worker {number} was silent'
            assert record.exposed[number] or record.excluded[number] or (
                record.late[number]) or any(
                    silent in text for text in texts), (record.step, number)
        if self._assembly.memory == 'step':
            proved = np.flatnonzero(record.exposed).tolist()
            assert self._guilty.issuperset(proved), record.step
        self._compare(record)

    def _compare(self, record):
        """The files that were used count as the right ones do.

        Of whole numbers the bits are compared when the run is over.
        """
        if self._assembly.compression.exact:
            return
        fresh, before = self._reference, self._values
        used = (record.source >= 0) | np.isin(record.source,
                                              [BY_SERVER, CODED])
        wanted = before.copy()
        if record.verdict > Outcome.SKIPPED:
            total = used @ sums(fresh, record.step, before)
            mean = total / float(used @ fresh.batches.counts)
            fresh.optimizer.update(record.step, before, self._kept(
                record.step, mean.astype(np.float32)), wanted)
        assert distance(self.server.parameters.values, wanted) < 1e-5

    def _kept(self, step, mean):
        """A mean, of which some coordinates travel, times d/k."""
        compression = self._assembly.compression
        if compression.verbatim:
            return mean
        kept = mask.chosen(compression.d, compression.keep,
                           compression.seed, step)
        out = np.empty_like(mean)
        kept.put(kept.taken(mean), out, kept.gain)
        return out
