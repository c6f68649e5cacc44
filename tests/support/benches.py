"""A server alone, or a worker alone, and what the others would send it."""

import numpy as np

from aspis_mpi.backends.simulated import VirtualClock
from aspis_mpi.coding import combine
from aspis_mpi.protocol.buffers import Pool, Pools
from aspis_mpi.protocol.messages import (
    CodedGradient, Encode, Model, Parameters, Progress, pack_positions)
from aspis_mpi.protocol.server.states import State
from tests.support.coded_jobs import Eager, assembled, at_rest


class ServerBench:
    """A server on a virtual clock, and the gradients of honest workers.

    Parameters
    ----------
    assembly : Assembly
    server : callable, optional
        Makes the server, given the clock; default that of the assembly.

    Attributes
    ----------
    server : Eager
    incoming : Pool
        Of the vectors that it is sent.
    """

    def __init__(self, assembly, server=None):
        self.assembly, self.assignment = assembly, assembly.assignment
        self.clock, self.incoming = VirtualClock(), assembly.incoming()
        self.server = Eager((server or assembly.server)(self.clock))

    def gradient(self, file):
        """The right sum of a file's gradients, in this step."""
        out = np.zeros(self.assembly.d, dtype=np.float32)
        samples = self.assembly.batches.samples(self.server.step, file)
        self.assembly.problem.gradient(self.values, samples, out)
        return out

    def file(self, worker, position):
        """The file at a place of a worker's order."""
        return int(self.assignment.order[worker, position])

    @property
    def everybody(self):
        return range(self.server.n_workers)

    @property
    def last(self):
        """The record of the last step that is over."""
        return self.server.records[-1]

    @property
    def values(self):
        return self.server.values

    @property
    def state(self):
        return self.server.state


class CodedServerBench(ServerBench):
    """A server that asks for vectors, and what honest workers would send.

    Attributes
    ----------
    signals : dict of int to Encode
        The last one that each worker was sent.
    """

    def __init__(self, name='partial', **sections):
        super().__init__(assembled(name, **sections))
        self.signals = {}
        self.out = self.note(self.server.start())

    def note(self, messages):
        for worker, message in messages:
            if isinstance(message, Encode):
                self.signals[worker] = message
        return messages

    def progress(self, worker, positions, step=None, count=None):
        """Report the files at these positions, or the first so many."""
        if isinstance(positions, int):
            positions = range(positions)
        mask = sum(1 << position for position in positions)
        message = Progress(self.server.step if step is None else step, 0,
                           len(positions) if count is None else count,
                           pack_positions(mask, 1))
        return self.note(self.server.handle(worker, message))

    def payload(self, worker, epoch=None, step=None, signal=None):
        """What the worker's last signal asks for."""
        return self.note(self.server.handle(worker, self.vector(
            worker, epoch, step, signal)))

    def vector(self, worker, epoch=None, step=None, signal=None):
        signal = signal or self.signals[worker]
        transfer = self.assembly.transfer
        files, weights = transfer.encoding(worker, transfer.read(signal))
        rows = [self.gradient(file) for file in files.tolist()]
        buffer = self.incoming.take()
        combine.encode(rows, weights, buffer.values)
        return CodedGradient(
            self.server.step if step is None else step,
            signal.epoch if epoch is None else epoch, 0, buffer)

    def wait(self):
        """Until the server's alarm."""
        self.clock.now = self.server.deadline
        return self.note(self.server.tick())

    def play(self, absent=()):
        """A whole step, one position after the other."""
        number, out = self.server.step, []
        for position in range(1, self.assignment.load + 1):
            for worker in self.everybody:
                if worker not in absent and self.state is State.COMPUTING:
                    self.progress(worker, position)
        while self.server.step == number and self.server.exit_code is None:
            owing = [worker for worker, signal in self.signals.items()
                     if signal.turn == number and worker not in absent]
            for worker in owing:
                if self.server.step == number:
                    out = self.payload(worker)
            if self.server.step == number and self.server.exit_code is None:
                out = self.wait()
        return out


class WorkerBench:
    """One worker on a virtual clock, and the vectors that it is sent.

    Parameters
    ----------
    assembly : Assembly
    number : int
        The worker.
    gradients, payloads : int, optional
        The most buffers of each kind that it may have.

    Attributes
    ----------
    values : ndarray of float32, shape (d,)
        The parameters of the step that was begun last.
    """

    def __init__(self, assembly, number=0, gradients=None, payloads=None):
        d, transfer = assembly.d, assembly.transfer
        self.assembly, self.number = assembly, number
        self.clock, self.values = VirtualClock(), None
        self.files = assembly.assignment.files(number).tolist()
        sketches = (2 * transfer.sketch_size,) if (
            assembly.job.transfer.challenge) else ()
        self.pools = Pools(
            Pool(d, gradients), Pool(transfer.payload_size(d), payloads),
            Pool(d), *map(Pool, sketches))
        self.sent = Pool(d)
        self.restart()

    def restart(self):
        """Make the worker, anew where the assembly has been changed."""
        self.worker = self.assembly.worker(self.number, self.clock,
                                           self.pools)

    @property
    def busy(self):
        """Whether the worker has something to compute or to send."""
        return self.worker.due <= self.clock.now

    def vector(self, step, scale=50.0):
        """The parameters of a step, in a buffer of their own."""
        buffer = self.sent.take()
        rng = np.random.default_rng(step + 1)
        buffer.values[:] = scale * rng.standard_normal(self.assembly.d)
        return Parameters(step, buffer=buffer)

    def begin(self, step=0, scale=50.0):
        """Give the worker its step; the parameters that it got."""
        self.worker.handle(Model(step, position=step))
        message = self.vector(step, scale)
        self.values = message.buffer.values.copy()
        self.worker.handle(message)
        return self.values

    def next(self):
        """Compute until there is a message."""
        for _ in range(10_000):
            if (message := self.worker.advance()) is not None:
                return message
        raise AssertionError('nothing within 10,000 micro-batches')

    def gradient(self, step, file, values=None):
        """The sum of a file's gradients, computed in one go."""
        out = np.zeros(self.assembly.d, dtype=np.float32)
        self.assembly.problem.gradient(
            self.values if values is None else values,
            self.assembly.batches.samples(step, file), out)
        return out

    @property
    def at_rest(self):
        """Whether every buffer is back in its pool."""
        pools = (*self.pools, self.sent)
        return all(at_rest(pool) for pool in pools if pool is not None)
