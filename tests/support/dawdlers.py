"""Liars that send what they send whenever they like, in small random jobs."""

import heapq

import numpy as np

from aspis_mpi import registry
from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.attacks.protocol.counts import Counts
from aspis_mpi.protocol.messages import (
    CodedGradient, Progress, Replica, Sketch, Sum, Vector)
from tests.support.challenged_jobs import Run, liars

#: Seconds: of a file, until somebody is silent, that everybody has.
FILE, SILENCE, GRACE = 0.005, 0.2, 0.05
#: What an answer may wait: nothing, almost three times the pace, about the
#: grace, almost as long as silence, for ever, anything.
WAITS = {
    'prompt': lambda rng: 0.0,
    'slow': lambda rng: FILE * rng.uniform(1, 30),
    'grace': lambda rng: GRACE * rng.choice([0.5, 0.98, 1.02, 2.0]),
    'edge': lambda rng: SILENCE * rng.choice([0.5, 0.9, 0.999, 1.001]),
    'mute': lambda rng: np.inf,
    'any': lambda rng: 10.0 ** rng.uniform(-3, 0.5),
}
PACE = {'prompt': .3, 'slow': .15, 'grace': .1, 'edge': .15, 'mute': .2,
        'any': .1}
KINDS = {Progress: 0, Replica: 0, CodedGradient: 1, Sum: 1, Sketch: 2}


class Moods:
    """How all liars of a run dawdle: the same or not, for long or not.

    Parameters
    ----------
    rng : numpy.random.Generator
    bad : list of int
    """

    def __init__(self, rng, bad):
        self._rng, self._bad = rng, bad
        self._span = int(rng.choice([1, 2, 5, 1000]))
        self._together = rng.random() < .4
        self._turns = rng.random() < .3
        self._kinds = rng.random(3) < .6
        self._now = {}

    def wait(self, step, worker, kind):
        """Seconds until a message of a kind leaves."""
        if not self._kinds[KINDS[kind]]:
            return 0.0
        if self._turns and worker != self._bad[step % len(self._bad)]:
            return 0.0
        key = (step // self._span, self._together or worker, KINDS[kind])
        if key not in self._now:
            self._now[key] = self._rng.choice(
                list(PACE), p=list(PACE.values()))
        return float(WAITS[self._now[key]](self._rng))


class Dawdler:
    """A worker whose messages leave later, in any order, or never."""

    def __init__(self, worker, moods, clock):
        self._worker, self._moods, self._clock = worker, moods, clock
        self._kept, self._count = [], 0

    def __getattr__(self, name):
        return getattr(self._worker, name)

    @property
    def finishes(self):
        """When it or the next message that it has kept is due."""
        kept = self._kept[0][0] if self._kept else np.inf
        return min(kept, self._worker.finishes)

    def advance(self):
        """What leaves now, if anything does."""
        if self._kept and self._kept[0][0] <= self._clock():
            return heapq.heappop(self._kept)[2]
        message = self._worker.advance()
        if message is None:
            return None
        wait = self._moods.wait(self._worker.step, self._worker.number,
                                type(message))
        if wait == np.inf:
            if isinstance(message, Vector):
                message.buffer.release()
            return None
        if not wait:
            return message
        self._count += 1
        heapq.heappush(self._kept, (self._clock() + wait, self._count,
                                    message))
        return None


class Dawdling(Run):
    """A run some of whose workers are `Dawdler`s."""

    def __init__(self, assembly, moods, bad, protocols=None, **keys):
        self._moods, self._bad = moods, bad
        super().__init__(assembly, protocols, **keys)

    def _worker(self, number, pools, protocol):
        worker = super()._worker(number, pools, protocol)
        if number not in self._bad:
            return worker
        return Dawdler(worker, self._moods, self.clock)


def some_lies(rng):
    """Claims of everything, or not, beside some lies or none."""
    names = ['none'] if rng.random() < .5 else list(rng.choice(
        ['payloads', 'sketches', 'norms', 'consistent'], 2))
    first = Counts(0) if rng.random() < .6 else Protocol(0)
    return [first] + [registry.find('protocol', str(name))(
        int(rng.integers(1 << 30))) for name in names]


COLLECTIONS = [
    {'name': 'all'}, {'name': 'coverage'},
    {'name': 'coverage', 'skip_covered': True},
    {'name': 'coverage', 'thinning': True},
    {'name': 'deadline', 'deadline': 0.3}]


def some_job(rng, steps=40):
    """A job of whatever goes together, and who are its liars."""
    q = int(rng.integers(1, 4))
    k = int(rng.integers(2 * q + 1, 11))
    bad = rng.permutation(k)[:rng.integers(1, q + 1)].tolist()
    transfer = str(rng.choice(['sums', 'coded', 'replicas']))
    design = str(rng.choice(['subset', 'cyclic', 'random-regular']))
    assignment = {'name': design}
    if design != 'subset':
        assignment['load'] = int(min(k, 2 * rng.integers(1, 4) + 1))
    elif k > 7:
        assignment = {'name': 'cyclic', 'load': min(k, 2 * q + 1)}
    collection = dict(COLLECTIONS[rng.integers(len(COLLECTIONS))])
    if transfer == 'replicas':
        collection.pop('skip_covered', None)
    if transfer != 'coded':
        collection.pop('thinning', None)
    memory = str(rng.choice(['step', 'forever']))
    fixed = memory == 'forever' and rng.random() < .6
    mean = FILE * float(rng.choice([0.2, 1, 4]))
    return {
        'run': {'steps': steps, 'seed': int(rng.integers(1 << 30))},
        'scheme': {'workers': k, 'adversaries': q},
        'assignment': assignment,
        'transfer': {'name': transfer, 'challenge': transfer != 'replicas'},
        'collection': collection,
        'detection': {'audits': str(rng.choice(['none', 'contested'])),
                      'memory': memory,
                      'budget': 'fixed' if fixed else 'step'},
        'adversary': liars(*bad, files=str(rng.choice(
            ['quiet', 'all', 'random', 'framing'])), value=str(
            rng.choice(['honest', 'honest', 'reversed', 'nan', 'constant']))),
        'faults': {'silence': SILENCE, 'grace': GRACE, 'patience': 0.01,
                   'tolerate': int(rng.integers(2))},
        'delay': {'name': str(rng.choice(['constant', 'uniform'])),
                  'mean': mean}}, bad
