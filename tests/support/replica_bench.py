"""A server that is sent replicas: its bench, lies, and how a run ends."""

import logging
from dataclasses import replace

import numpy as np

from aspis_mpi.protocol.buffers import Pool
from aspis_mpi.protocol.messages import Replica, Stop
from aspis_mpi.protocol.server.accounts import Accounts
from aspis_mpi.protocol.server.course import Course
from aspis_mpi.protocol.server.machine import ParameterServer
from tests.support.benches import ServerBench

#: Seconds after which a worker of these tests is given up.
SILENCE = 2.0


class NumbersOnly:
    """An aggregation that refuses to be given anything but numbers."""

    shows_non_finite = False

    def __init__(self, rule):
        self.rule = rule
        self.calls = 0

    def aggregate(self, rows, samples, out, threads=1):
        assert all(np.isfinite(row).all() for row in rows)
        self.calls += 1
        self.rule.aggregate(rows, samples, out, threads)


class ReplicaBench(ServerBench):
    """A server that is sent replicas, and what honest workers would send.

    Parameters
    ----------
    assembly : Assembly
    silence : float
    """

    def __init__(self, assembly, silence=SILENCE):
        self.pool = Pool(assembly.d)
        self.rules = [NumbersOnly(assembly.scheme.aggregator),
                      NumbersOnly(assembly.scheme.mean)]
        rng = np.random.default_rng(3)
        members = assembly.membership()
        members.accounts = Accounts(assembly.job.n_workers, silence=silence)
        members.scheme = replace(assembly.scheme, aggregator=self.rules[0],
                                 mean=self.rules[1])
        super().__init__(assembly, lambda clock: ParameterServer(
            members, assembly.optimizer, assembly.batches.counts, self.pool,
            rng.uniform(-90, 90, assembly.d).astype(np.float32),
            Course(assembly.job.run.steps, silence), clock))
        # A small job's own buffers are as long as the start-up probe asks.
        self.incoming = Pool(assembly.d)
        self.started = self.server.start()

    def honest(self, worker, position):
        """The right sum of gradients at a place of a worker's order."""
        return self.gradient(self.file(worker, position))

    def replica(self, worker, position, lie=None, step=None, epoch=0):
        """A message; `lie` makes of the right value what is sent."""
        buffer = self.incoming.take()
        position_there = 0 <= position < self.assignment.load
        buffer.values[:] = (self.honest(worker, position) if position_there
                            else 0)
        if lie is not None:
            buffer.values[:] = lie(buffer.values)
        step = self.server.step if step is None else step
        return Replica(step, epoch, position, buffer)

    def send(self, worker, position, lie=None, step=None, epoch=0):
        return self.server.handle(worker, self.replica(
            worker, position, lie, step, epoch))

    def finish(self, worker, lie=None, start=0):
        """All files of a worker from `start` on; what is then sent."""
        out = []
        for position in range(start, self.assignment.loads[worker]):
            out += self.send(worker, position, lie)
        return out

    def play(self, lies=None, absent=()):
        """A whole step: `lies` gives a lie to some workers."""
        lies = lies or {}
        number, out = self.server.step, []
        for worker in self.everybody:
            if worker not in absent and not out:
                out = self.finish(worker, lies.get(worker))
        while self.server.step == number and self.server.exit_code is None:
            before = self.clock.now = self.server.deadline
            out = self.server.tick()
            assert out or self.server.deadline > before, (
                'the deadline has passed and nothing happened')
        return out

    def events(self, level=logging.WARNING):
        return [event.text for event in self.server.notes.events
                if event.level >= level]


def reversed_(values):
    return -100 * values


def not_finite(values):
    return np.full_like(values, np.nan)


def a_little_off(values):
    return np.nextafter(values, np.float32(np.inf))


def check_end(messages, code, n_workers=5):
    """Everybody has been sent a Stop with this exit code."""
    assert [worker for worker, _ in messages] == list(range(n_workers))
    for _, message in messages:
        assert isinstance(message, Stop) and message.position == code
