"""What the tests of coded runs share: jobs, runs, traffic, references."""

from collections import Counter

import numpy as np

from aspis_mpi import streams
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.simulated import (
    Network, VirtualClock, simulate as play)
from aspis_mpi.job import loading
from aspis_mpi.protocol.messages import Stop
from aspis_mpi.protocol.server.drive import drive
from aspis_mpi.protocol.server.states import State

#: Seconds after which a worker of these jobs is given up.
SILENCE = 50.0
#: Vectors of these jobs take about a tenth of a second each.
SLOW_NETWORK = {'latency': 0.2, 'bandwidth': 1000.0}


def tables(name, **sections):
    """The tables of a small job: 9 workers, 9 files of 3 and 4 samples."""
    job = {'run': {'steps': 4, 'seed': 7, 'evaluate_every': 0},
           'problem': {'name': 'quadratic', 'parameters': 13,
                       'batch_size': 31, 'micro_batch': 2},
           'scheme': {'name': name, 'workers': 9},
           'faults': {'silence': SILENCE},
           'delay': {'name': 'exponential', 'mean': 1.0, 'per': 'file'}}
    for section, keys in sections.items():
        job[section] = job.get(section, {}) | keys
    return job


def assembled(name, **sections):
    """The `Assembly` of such a job."""
    return Assembly(loading.from_tables(tables(name, **sections)))


#: Schemes that can do without any two workers, and without any one.
TOLERANT = [
    ('partial', {}), ('partial', {'collection': {'thinning': True}}),
    ('partial', {'collection': {'skip_covered': True}}),
    ('partial', {'collection': {'skip_covered': True, 'thinning': True},
                 'transfer': {'name': 'sums'}}),
    ('partial', {'transfer': {'name': 'sums'}}),
    ('partial', {'collection': {'name': 'full-workers'}}),
    ('gradient-code', {}), ('cyclic-mds', {}), ('fractional-repetition', {})]
FRAGILE = [('partial', {'collection': {'copies': 2}}), ('ye-abbe', {}),
           ('partial', {'assignment': {'load': 2}})]


class NoKeeper:
    """What a run that is not logged does between steps."""

    late = False

    def begin(self):
        pass

    def catch_up(self):
        pass

    def secure(self, messages):
        return messages


class Watched:
    """A server whose messages are counted, by step; else as it is.

    Attributes
    ----------
    down : Counter of (int, str, int) to int
        Messages sent, by step, class and worker.
    asked : list of (int, int, int)
        Step, epoch and worker of each `Encode`.
    totals : dict of int to [int, int, int]
        Bytes in, bytes out and messages of each step, counted here.
    """

    def __init__(self, server):
        self.server = server
        self.down, self.asked, self.totals = Counter(), [], {}
        self.up = Counter()

    def __getattr__(self, name):
        return getattr(self.server, name)

    @property
    def records(self):
        return self.server.notes.records

    @property
    def texts(self):
        return [event.text for event in self.server.notes.events]

    @property
    def values(self):
        return self.server.parameters.values

    def start(self):
        return self._sent(self.server.start())

    def tick(self):
        return self._sent(self.server.tick())

    def proceed(self):
        return self._sent(self.server.proceed())

    def handle(self, worker, message):
        if self.server.state is not State.STOPPED:
            total = self._total(self.server.step)
            total[0] += message.nbytes
            total[2] += 1
            self.up[self.server.step, type(message).__name__, worker] += 1
        return self._sent(self.server.handle(worker, message))

    def _total(self, step):
        return self.totals.setdefault(step, [0, 0, 0])

    def _sent(self, messages):
        for worker, message in messages:
            kind = type(message).__name__
            self.down[message.turn, kind, worker] += 1
            if kind == 'Encode':
                self.asked.append((message.turn, message.epoch, worker))
            if not isinstance(message, Stop):
                total = self._total(message.turn)
                total[1] += message.nbytes
                total[2] += 1
        return messages


class Eager(Watched):
    """Resolves at once, as the backends make the server do."""

    def handle(self, worker, message):
        return self._rest(super().handle(worker, message))

    def tick(self):
        return self._rest(super().tick())

    def malformed(self, worker, reason, step=None):
        return self._rest(self._sent(
            self.server.malformed(worker, reason, step)))

    def _rest(self, out):
        said = []
        drive(self, out, said.extend)
        return said


class Run:
    """A whole simulated run, without a log.

    Attributes
    ----------
    assembly : Assembly
    server : Watched
    workers : list of Worker
    pools : Pools
    clock : VirtualClock
    code : int
    gradients : Counter of (int, int) to int
        How often a sample's gradient was taken, by step and sample.
    """

    def __init__(self, assembly, network=None, replace=None):
        self.assembly, self.clock = assembly, VirtualClock()
        self.server = Watched(assembly.server(self.clock))
        self.pools = assembly.pools(shared=True)
        self.workers = [assembly.worker(number, self.clock, self.pools)
                        for number in range(assembly.job.n_workers)]
        for number, worker in (replace or {}).items():
            self.workers[number] = worker
        self.gradients = Counter()
        self._count(assembly.problem)
        job = assembly.job.network
        self.code = play(self.server, self.workers, NoKeeper(), self.clock,
                         network or Network(job.latency, job.bandwidth))

    def _count(self, problem):
        gradient = problem.gradient

        def counted(parameters, samples, out):
            for sample in samples.tolist():
                self.gradients[self.server.step, sample] += 1
            gradient(parameters, samples, out)
        problem.gradient = counted

    @property
    def records(self):
        return self.server.records

    @property
    def values(self):
        return self.server.values

    @property
    def texts(self):
        return self.server.texts


def run(name, **sections):
    """The `Run` of a small job."""
    return Run(assembled(name, **sections))


def distance(values, other):
    """Largest difference, relative to the largest entry."""
    return np.abs(values - other).max() / np.abs(other).max()


def reference(assembly, shares=None):
    """The parameters after plain SGD in one process.

    Parameters
    ----------
    assembly : Assembly
        A fresh one: its optimizer has a state.
    shares : list of ndarray of float64, shape (f,), optional
        The share of each file that each step uses; default 1.  A step of
        nothing makes no update.
    """
    batches = assembly.batches
    steps = assembly.job.run.steps
    values = initial(assembly)
    if shares is None:
        shares = [np.ones(batches.n_files)] * steps
    for step in range(steps):
        divisor = float(shares[step] @ batches.counts)
        if not divisor:
            continue
        total = shares[step] @ sums(assembly, step, values)
        fresh = np.empty_like(values)
        assembly.optimizer.update(
            step, values, (total / divisor).astype(np.float32), fresh)
        values = fresh
    return values


def initial(assembly):
    """The parameters before the first step, float32 (d,)."""
    rng = streams.generator(assembly.seed, 'initial')
    return assembly.problem.initial(rng).astype(np.float32)


def sums(assembly, step, values):
    """The sum of each file's gradients, float64 (f, d)."""
    rows = []
    for file in range(assembly.batches.n_files):
        out = np.zeros(values.size, dtype=np.float32)
        assembly.problem.gradient(
            values, assembly.batches.samples(step, file), out)
        rows.append(out.astype(np.float64))
    return np.array(rows)


def finished_at(record, assembly):
    """Who had finished what at the signal, from counts and orders."""
    finished = np.zeros(assembly.assignment.incidence.shape, dtype=bool)
    for worker, count in enumerate(record.files_done):
        finished[assembly.assignment.order[worker, :count], worker] = True
    return finished


def at_rest(pool):
    """Whether every buffer of a pool is back in it."""
    held = [pool.take() for _ in range(pool.made)]
    made = pool.made
    back = made == len({id(buffer) for buffer in held})
    extra = pool.made - made
    for buffer in held:
        buffer.release()
    return back and not extra
