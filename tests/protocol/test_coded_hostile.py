"""Workers that send anything, beside honest ones, in any order."""

import numpy as np
import pytest

from aspis_mpi.backends.simulated import VirtualClock
from aspis_mpi.coding import combine
from aspis_mpi.errors import DONE
from aspis_mpi.protocol.buffers import Pool
from aspis_mpi.protocol.messages import (
    CodedGradient, Encode, Progress, Replica, Sketch, Vector, pack_positions)
from aspis_mpi.schemes.record import Outcome
from tests.support.coded_jobs import (
    Eager, assembled, at_rest, distance, reference)

K, LOAD = 9, 3

class Crowd:
    """Honest workers as they are, hostile ones that send anything.

    Everything is handed over at once; who goes next is drawn.

    Parameters
    ----------
    assembly : Assembly
    hostile : list of int
    rng : numpy.random.Generator
    rate : float
        Hostile messages for each honest one.
    """

    def __init__(self, assembly, hostile, rng, rate):
        self.assembly, self.rng, self.rate = assembly, rng, rate
        self.hostile, self.signals, self.sent = hostile, {}, 0
        self.clock = VirtualClock()
        self.server = Eager(assembly.server(self.clock))
        self.payloads, self.incoming = (assembly.incoming()
                                        for _ in range(2))
        self.vectors = Pool(assembly.d)
        self.workers = {
            number: assembly.worker(number, self.clock, assembly.pools()
                                    ._replace(payloads=self.payloads))
            for number in range(assembly.job.n_workers)
            if number not in hostile}

    def give(self, messages):
        for worker, message in messages:
            if worker in self.workers:
                if isinstance(message, Vector):
                    message.buffer.hold()
                self.workers[worker].handle(message)
            elif isinstance(message, Encode):
                self.signals[worker] = message

    def run(self):
        self.give(self.server.start())
        number = -1
        while self.server.exit_code is None:
            if self.server.step != number:
                number = self.server.step
                self.check()
            if self.rng.random() < self.rate / (1 + self.rate):
                self.sent += 1
                self.give(self.noise(self.pick(self.hostile)))
                continue
            ready = [worker for worker in self.workers.values()
                     if worker.due <= self.clock.now]
            if ready:
                self.advance(ready[int(self.rng.integers(len(ready)))])
            else:
                self.sleep()

    def advance(self, worker):
        message = worker.advance()
        if message is not None:
            self.give(self.server.handle(worker.number, message))

    def sleep(self):
        ends = min(worker.due for worker in self.workers.values())
        self.clock.now = max(self.clock.now,
                             min(ends, self.server.deadline))
        self.give(self.server.tick())

    def check(self):
        """Between steps no buffer is out: memory is flat."""
        assert at_rest(self.incoming) and at_rest(self.vectors)
        assert at_rest(self.payloads)
        assert self.incoming.made + self.payloads.made <= 4 * K

    def pick(self, things):
        return things[int(self.rng.integers(len(things)))]

    def noise(self, worker):
        """One thing that a hostile worker does."""
        rng, server = self.rng, self.server
        step = server.step + self.pick([0, 0, 0, 0, -1, 1, 2 ** 40])
        epoch = self.pick([0, 0, 1, 2, -1, 2 ** 31 - 1])
        place = self.pick([0, 1, 2, 3, 4, -1, 2 ** 31 - 1])
        pick = int(rng.integers(12))
        if pick == 0:
            return server.malformed(worker, 'noise', [None, step][place % 2])
        if pick < 3:
            body = rng.integers(0, 256, int(rng.integers(0, 4)),
                                dtype=np.uint8).tobytes()
            return server.handle(worker, Progress(step, epoch, place, body))
        if pick < 6:
            # A count as an honest worker would send it, true or not.
            count = int(rng.integers(0, LOAD + 1))
            return server.handle(worker, Progress(
                step, 0, count, pack_positions((1 << count) - 1, 1)))
        if pick < 10:
            return server.handle(worker, self.vector(worker, step, epoch))
        cls = [Replica, Sketch][place % 2]
        return server.handle(worker, cls(step, epoch, place,
                                         self.vectors.take()))

    def vector(self, worker, step, epoch):
        """Garbage, but the truth where it could be taken for it."""
        buffer = self.incoming.take()
        buffer.values[:] = np.nan
        signal = self.signals.get(worker)
        if signal and (step, epoch) == (signal.turn, signal.epoch):
            transfer = self.assembly.transfer
            files, weights = transfer.encoding(worker, transfer.read(signal))
            rows = []
            for file in files.tolist():
                rows.append(np.zeros(self.assembly.d, dtype=np.float32))
                self.assembly.problem.gradient(
                    self.server.values,
                    self.assembly.batches.samples(step, file), rows[-1])
            combine.encode(rows, weights, buffer.values)
        return CodedGradient(step, epoch, 0, buffer)


CROWDS = [
    ('partial', {}), ('partial', {'transfer': {'name': 'sums'}}),
    ('partial', {'collection': {'skip_covered': True}}),
    ('partial', {'collection': {'thinning': True}}),
    ('partial', {'assignment': {'load': 5}, 'collection': {'copies': 3}}),
    ('gradient-code', {}), ('cyclic-mds', {}), ('fractional-repetition', {}),
    ('partial', {'collection': {'name': 'full-workers'}})]


@pytest.mark.parametrize('rate', [0.3, 5.0])
@pytest.mark.parametrize('name, sections', CROWDS, ids=str)
def test_hostile_workers_cost_time_and_nothing_else(name, sections, rate):
    """Two of nine: never an exception, never another model."""
    sections = sections | {'run': {'steps': 25}}
    crowd = Crowd(assembled(name, **sections), [2, 6],
                  np.random.default_rng(len(str(sections))), rate)
    crowd.run()
    assert crowd.server.exit_code == DONE
    plain = reference(assembled(name, **sections))
    assert distance(crowd.server.values, plain) < 1e-5
    for record in crowd.server.records:
        assert record.verdict is Outcome.CLEAN
        honest = np.ones(K, dtype=bool)
        honest[[2, 6]] = False
        assert not record.exposed[honest].any()
        assert not record.excluded[honest].any()
    given_up = ' '.join(crowd.server.texts)
    assert all(f'worker {worker} ' not in given_up
               for worker in crowd.workers)


def test_many_thousand_hostile_messages():
    crowd = Crowd(assembled('partial', run={'steps': 60}), [0, 1],
                  np.random.default_rng(1), 9.0)
    crowd.run()
    assert crowd.server.exit_code == DONE and crowd.sent > 10_000
    plain = reference(assembled('partial', run={'steps': 60}))
    assert distance(crowd.server.values, plain) < 1e-5
