"""What the tests of challenges share: jobs, runs, liars, the truth."""

from copy import copy

import numpy as np

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.backends.simulated import Network, Simulation, VirtualClock
from aspis_mpi.job import loading
from tests.support.coded_jobs import NoKeeper, Watched, initial, sums

#: Seconds after which a worker of these jobs is given up.
SILENCE = 50.0
#: Events after which a run of these tests is taken to go on for ever.
EVENTS = 50_000
#: One step of 84 files, each on 3 of 9 workers.
SUBSET = {'assignment': {'name': 'subset'}, 'run': {'steps': 1}}


def tables(**sections):
    """A small job: 9 workers, 9 files on 5 each, 2 liars assumed.

    Nothing is audited and nothing remembered from step to step.
    """
    job = {'run': {'steps': 2, 'seed': 7, 'evaluate_every': 0},
           'problem': {'name': 'quadratic', 'parameters': 13,
                       'micro_batch': 4},
           'scheme': {'workers': 9, 'adversaries': 2},
           'assignment': {'name': 'cyclic', 'load': 5},
           'collection': {'name': 'coverage'},
           'transfer': {'name': 'sums', 'challenge': True},
           'detection': {'name': 'certified', 'audits': 'none',
                         'memory': 'step'},
           'aggregation': {'name': 'mean'},
           'faults': {'silence': SILENCE},
           'delay': {'name': 'exponential', 'mean': 1.0, 'per': 'file'}}
    for section, keys in sections.items():
        fresh = section in ('assignment', 'delay') and 'name' in keys
        job[section] = keys if fresh else job.get(section, {}) | keys
    return job


def assembled(**sections):
    """The `Assembly` of such a job."""
    return Assembly(loading.from_tables(tables(**sections)))


class Hangs(AssertionError):
    """Nothing is left that could happen, or it never ends."""


class Bounded(Simulation):
    """A simulation that must come to an end."""

    most = EVENTS

    def _next(self):
        self.count = getattr(self, 'count', 0) + 1
        if self.count > self.most:
            raise Hangs(f'{self.most} events')
        if self.over:
            raise Hangs(f'the server is {self._server.state.name} in step '
                        f'{self._server.step}, and nobody does anything')
        super()._next()


class Run:
    """A whole simulated run, without a log, that must come to an end.

    Parameters
    ----------
    assembly : Assembly
    protocols : dict of int to Protocol, optional
        What each liar does, instead of what the job says.
    between : callable, optional
        Given a worker's number and a message that it sends: the message
        that arrives, or None.
    network : Network, optional
    events : int
        After which the run is taken to go on for ever.

    Attributes
    ----------
    server : Watched
    workers : list of Worker
    code : int
    """

    def __init__(self, assembly, protocols=None, between=None, network=None,
                 events=EVENTS):
        self.assembly, self.clock = assembly, VirtualClock()
        self.server = Watched(assembly.server(self.clock))
        pools = assembly.pools(shared=True)
        self.workers = [
            Between(self._worker(number, pools, (protocols or {}).get(
                number)), between) for number in range(assembly.job.n_workers)]
        self.simulation = Bounded(
            self.server, self.workers, NoKeeper(), self.clock,
            network or Network())
        self.simulation.most = events
        self.code = self.simulation.run()

    def _worker(self, number, pools, protocol):
        assembly = self.assembly
        before = assembly.attack
        if protocol is not None:
            assembly.attack = copy(before)
            assembly.attack.protocol = protocol
        worker = assembly.worker(number, self.clock, pools)
        assembly.attack = before
        return worker

    @property
    def records(self):
        return self.server.records

    @property
    def last(self):
        return self.records[-1]

    @property
    def texts(self):
        return self.server.texts

    @property
    def values(self):
        return self.server.values

    @property
    def liars(self):
        """Adversaries of each step, bool (T, K)."""
        return np.array([self.assembly.attack.adversaries(record.step)
                         for record in self.records])

    def exposes_honest(self):
        """Whether an honest worker was exposed in some step."""
        exposed = np.array([record.exposed for record in self.records])
        return bool((exposed & ~self.liars).any())

    def wrong_files(self):
        """Files in use whose gradient is a lie, in each step, (T,)."""
        return np.array([
            (record.contributors & self.assembly.attack.told(
                record.step, record.later)).any(axis=1).sum()
            for record in self.records])

    def truth(self):
        """The parameters, had the files that were used been right."""
        fresh = Assembly(self.assembly.job)
        values, counts = initial(fresh), fresh.batches.counts
        for record in self.records:
            used = (record.source >= 0) | np.isin(record.source, [-3, -4])
            if not record.verdict > 1:
                continue
            total = used @ sums(fresh, record.step, values)
            updated = np.empty_like(values)
            fresh.optimizer.update(
                record.step, values,
                (total / float(used @ counts)).astype(np.float32), updated)
            values = updated
        return values


class Between:
    """A worker some of whose messages are replaced on their way."""

    def __init__(self, worker, between):
        self.worker = worker
        self._between = between

    def __getattr__(self, name):
        return getattr(self.worker, name)

    def advance(self):
        message = self.worker.advance()
        if message is None or self._between is None:
            return message
        return self._between(self.worker.number, message)


def run(**sections):
    """The `Run` of such a job."""
    return Run(assembled(**sections))


def liars(*workers, **keys):
    """The section of adversaries that are these workers.

    They lie on files that they hold alone, unless told otherwise: so on
    none where more workers hold a file.
    """
    return {'count': len(workers), 'workers': list(workers),
            'files': 'quiet'} | keys


class Mixture(Protocol):
    """Does in each epoch something else, of some lies, at random.

    Parameters
    ----------
    lies : sequence of Protocol
    rng : numpy.random.Generator
    """

    def __init__(self, lies, rng):
        super().__init__(0)
        self._lies = lies
        self._rng = rng
        self._now = {}

    def _chosen(self, step, epoch):
        if (step, epoch) not in self._now:
            self._now[step, epoch] = self._lies[
                self._rng.integers(len(self._lies))]
        return self._now[step, epoch]

    def meet(self, adversaries):
        for lie in self._lies:
            lie.meet(adversaries)

    def claims(self, finished, load):
        return self._lies[0].claims(finished, load)

    def payload(self, step, epoch, worker, values):
        self._chosen(step, epoch).payload(step, epoch, worker, values)

    def sketches(self, step, epoch, worker, own, weights, sketch):
        self._chosen(step, epoch).sketches(step, epoch, worker, own,
                                           weights, sketch)


class OnOneFile(Protocol):
    """Another sketch of one file, in the first epoch; the norm is right.

    Parameters
    ----------
    places : dict of int to int
        Its place among the files of each worker.
    """

    def __init__(self, places):
        super().__init__(0)
        self._places = places

    def sketches(self, step, epoch, worker, own, weights, sketch):
        if not epoch:
            own[self._places[worker], :-1] *= -3.0
