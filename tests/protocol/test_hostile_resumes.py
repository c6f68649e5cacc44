"""Workers that lie, and then come back under the names of others.

Machines are placed on ranks anew in each job: renamed, swapped, fewer, more,
on other hosts; a liar says that it is on any of them.  Sometimes the
launcher has told rank 0 where the ranks are, sometimes they are only heard
themselves.
"""

import os
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from aspis_mpi.backends.hosts import Hosts, located
from aspis_mpi.backends.simulated import Network, VirtualClock
from aspis_mpi.errors import DONE
from aspis_mpi.schemes.record import Outcome
from tests.support.challenged_jobs import Bounded, assembled, liars
from tests.support.coded_jobs import NoKeeper

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
#: Runs, and how often each of them goes on; 1,000 resumes in all.
RUNS, RESUMES = 250 if THOROUGH else 20, 4
#: Steps of each job.
STEPS = 3

KINDS = [
    {'transfer': {'name': 'sums', 'challenge': True}},
    {'transfer': {'name': 'replicas', 'challenge': False},
     'assignment': {'name': 'subset', 'replication': 3},
     'collection': {'name': 'all'}}]


class World:
    """Machines, of which some lie for ever: at most q in each job.

    Attributes
    ----------
    hosts : list of str
        Of the workers, in the order of the ranks.
    """

    def __init__(self, draw, q, n_workers):
        self._draw, self._q = draw, q
        self._lies, self._names = {}, {}
        self.hosts = []
        while not self.hosts or not self._fits():
            self.hosts = [f'n{number // draw.choice([1, 2])}'
                          for number in range(n_workers)]

    @property
    def units(self):
        """What computes on each rank: a part of a host, as a name."""
        return Hosts(tuple(self.hosts), 'test').places()

    @property
    def liars(self):
        return [rank for rank, unit in enumerate(self.units)
                if self._lies[unit]]

    def _fits(self):
        lying = sum(self._lies.get(unit, False) for unit in self.units)
        for unit in self._draw.sample(self.units, len(self.hosts)):
            if unit not in self._lies:
                self._lies[unit] = lying < self._q
                lying += self._lies[unit]
        return lying <= self._q

    def change(self, least):
        """Start the next job on other machines, or on the same ones."""
        before = self.hosts
        while True:
            self.hosts = self._draw.choice([
                list, list, list, self._swapped, self._shuffled,
                self._replaced, self._fewer, self._more])(before)
            if len(self.hosts) >= least and self._fits():
                return

    def _swapped(self, hosts):
        hosts = list(hosts)
        a, b = self._draw.sample(range(len(hosts)), 2)
        hosts[a], hosts[b] = hosts[b], hosts[a]
        return hosts

    def _shuffled(self, hosts):
        return self._draw.sample(hosts, len(hosts))

    def _replaced(self, hosts):
        gone, new = self._draw.choice(hosts), f'n{self._draw.randrange(40)}'
        return [new if host == gone else host for host in hosts]

    def _fewer(self, hosts):
        gone = self._draw.randrange(len(hosts))
        return hosts[:gone] + hosts[gone + 1:]

    def _more(self, hosts):
        hosts = list(hosts)
        hosts.insert(self._draw.randrange(len(hosts) + 1),
                     f'n{self._draw.randrange(40)}')
        return hosts

    def places(self, told):
        """What rank 0 is told; `told` if the launcher says anything."""
        said = list(self.hosts)
        for liar in self.liars:
            unit, other = self.units[liar], self._draw.random() < 0.3
            if other or unit not in self._names:
                self._names[unit] = self._draw.choice([*said, 'elsewhere'])
            said[liar] = self._names[unit]
        hosts = Hosts(tuple(self.hosts), 'test') if told else None
        return located(said, [''] * len(said), hosts, True)


@dataclass(frozen=True)
class Job:
    """Where workers are, what they say, and what came of it."""

    units: list
    keys: list
    vouched: bool
    records: list

    def of(self, chosen):
        """Units of the workers that are chosen, bool (K,)."""
        return {self.units[rank] for rank in np.flatnonzero(chosen)}

    @property
    def excluded(self):
        """Without work from the first step on."""
        return self.of(self.records[0].excluded)

    @property
    def exposed(self):
        return self.of(self.records[-1].exposed)


def foretold(before, units, places):
    """Whether liars have said then where others are now, rank by rank.

    That is the one way to pass evidence on, where no launcher says a word.
    """
    return before is not None and (
        before.keys, before.vouched) == (places.keys, places.vouched) and (
            before.units != units)


def campaign(draw):
    """The jobs of one run, some steps each, in which all is as it must be."""
    kind, budget = draw.choice(KINDS), draw.choice(['step', 'fixed'])
    q, before, snapshot = draw.choice([1, 2]), None, None
    world = World(draw, q, draw.randrange(2 * q + 1, 2 * q + 6))
    told = draw.random() < 0.5
    for number in range(1, 2 + RESUMES):
        told ^= draw.random() < 0.25
        places = world.places(told)
        while foretold(before, world.units, places):
            places = world.places(told)
        assembly = assembled(**kind | {
            'run': {'steps': STEPS * number},
            'scheme': {'workers': len(world.hosts), 'adversaries': q},
            'detection': {'memory': 'forever', 'budget': budget},
            'adversary': liars(*world.liars, value='reversed',
                               files=draw.choice(['all', 'random'])),
            'assignment': kind.get('assignment') or {
                'name': 'cyclic', 'load': 2 * q + 1}})
        records, snapshot = work(assembly, places, snapshot)
        before = Job(world.units, places.keys, told, records)
        yield before
        world.change(2 * q + 1)


def work(assembly, places, snapshot):
    """Do the steps of one job; nobody is wronged, no file in use is wrong.

    Returns
    -------
    list of StepRecord, Snapshot
    """
    clock = VirtualClock()
    server = assembly.server(clock, False, places.keys, places.vouched)
    if snapshot is not None:
        clock.now = snapshot.seconds
        server.resume(snapshot)
    pools = assembly.pools(shared=True)
    workers = [assembly.worker(number, clock, pools)
               for number in range(assembly.job.n_workers)]
    assert Bounded(server, workers, NoKeeper(), clock,
                   Network()).run() == DONE
    for record in server.notes.records:
        assert record.verdict is not Outcome.CONTRADICTION
        honest = ~assembly.attack.adversaries(record.step)
        assert not (record.exposed & honest).any()
        assert not (record.excluded & honest).any()
        lies = assembly.attack.lies(record.step)
        assert not (record.contributors & lies).any()
    return server.notes.records, server.notes.snapshots[-1]


@pytest.mark.timeout(1800 if THOROUGH else 600)
def test_no_honest_worker_pays_for_a_liar():
    """And no liar gets rid of its exposure where the launcher knows it."""
    seen = Counter()
    for seed in range(RUNS):
        for then, now in pairwise(campaign(Random(seed))):
            same = (then.keys, then.vouched) == (now.keys, now.vouched)
            counts = same or then.vouched and now.vouched
            assert now.excluded == (
                then.exposed & set(now.units) if counts else set())
            seen['resumes'] += 1
            seen[same, now.vouched, bool(now.excluded)] += 1
    assert seen['resumes'] == RUNS * RESUMES
    # Lists that are unchanged and others, with the launcher's word and
    # without, and exposures that stayed with their machine.
    for case in ((True, False, True), (True, True, True),
                 (False, True, True), (False, False, False)):
        assert seen[case], seen
