"""The truth stays out of the server's reach, before, in and after a run."""

from collections import deque
from dataclasses import FrozenInstanceError, fields, make_dataclass, replace
from functools import cached_property, lru_cache, partial
from operator import attrgetter
from types import SimpleNamespace
from weakref import ref

import numpy as np
import pytest

import aspis_mpi
from aspis_mpi.assembly.design import Design
from aspis_mpi.assembly.keeper import Keeper
from aspis_mpi.attacks.attack import Attack
from aspis_mpi.backends.simulated import Network, VirtualClock, simulate
from aspis_mpi.detection.memory import Memory
from aspis_mpi.detection.probe import alike
from aspis_mpi.errors import DONE
from aspis_mpi.job.job import Job, Part
from aspis_mpi.job.sections import SECTIONS
from aspis_mpi.learning.batches import Batches
from aspis_mpi.schemes.decision import Detection
from aspis_mpi.schemes.factory import Makers, SchemeFactory, Schemes
from aspis_mpi.schemes.scheme import Scheme
from tests.support.challenged_jobs import assembled
from tests.support.reach import reached

#: Who has the truth: the job, its sections, and whoever assembles it.
KNOWING = (Job, Design, SECTIONS['adversary'], SECTIONS['delay'])
#: Where the parts live that make the truth.
HOMES = ('aspis_mpi.attacks.', 'aspis_mpi.delays.')

#: Two liars, a silent worker, delays; what rebuilds and what audits.
LIES = {
    'run': {'steps': 4}, 'adversary': {'count': 2, 'value': 'reversed'},
    'delay': {'name': 'exponential', 'mean': 1.0, 'silent': [4]}}
REMEMBERED = {'name': 'certified', 'memory': 'forever', 'audits': 'contested',
              'random_audits': 1}
JOBS = {
    'replicas': {
        'transfer': {'name': 'replicas', 'challenge': False},
        'aggregation': {'name': 'median'}, 'detection': REMEMBERED},
    'challenged sums': {
        'detection': REMEMBERED, 'assignment': {
            'name': 'cyclic', 'load': 5, 'reorder': 2}},
    'challenged code': {
        'transfer': {'name': 'coded', 'code': 'least-squares'},
        'detection': REMEMBERED | {'equality': 'tolerance'}},
    'plain code': {
        'transfer': {'name': 'coded', 'code': 'least-squares',
                     'challenge': False},
        'detection': {'name': 'none', 'audits': None}},
}


def is_truth(thing):
    """Whether that is the truth, or what tells or makes it."""
    kind = thing if isinstance(thing, type) else type(thing)
    homes = [base.__module__ for base in kind.__mro__]
    return isinstance(thing, KNOWING) or any(
        home.startswith(HOMES) for home in homes)


def ways(start):
    """All ways from an object to the truth, in words."""
    return [' > '.join([*way, type(thing).__qualname__])
            for way, thing in reached(start) if is_truth(thing)]


@pytest.fixture(params=JOBS)
def assembly(request):
    return assembled(**LIES, **JOBS[request.param])


# --- what is looked for is found, wherever it is -----------------------

class Slotted:
    __slots__ = 'inside', '__weakref__'

    def __init__(self, inside):
        self.inside = inside

    def method(self):
        """It knows all that its object knows."""


class Lazy:
    def __init__(self, inside):
        self._make = [inside].pop

    @cached_property
    def inside(self):
        return self._make()


def lazy(truth):
    """Only its cached property still holds it."""
    it = Lazy(truth)
    assert it.inside is truth
    return it


def remembering(truth):
    @lru_cache
    def answer(question):
        return [truth][question:]
    answer(0)
    return answer


def generating(truth):
    def generate(inside):
        yield
        yield inside
    it = generate(truth)
    next(it)
    return it


def closing(truth):
    return lambda: truth


def decorated(truth):
    def function():
        """Attributes of functions are attributes, too."""
    function.inside = truth
    return function


Record = make_dataclass('Record', ['inside'], frozen=True)

HIDING = {
    'attribute': lambda truth: SimpleNamespace(inside=truth),
    'slot': Slotted,
    'frozen dataclass': Record,
    'bound method': lambda truth: Slotted(truth).method,
    'method of a list': lambda truth: [truth].append,
    'closure': closing,
    'default': lambda truth: lambda inside=truth: None,
    'keyword default': lambda truth: lambda *, inside=truth: None,
    'attribute of a function': decorated,
    'function of a partial': lambda truth: partial(Slotted(truth).method),
    'argument of a partial': lambda truth: partial(print, truth),
    'keyword of a partial': lambda truth: partial(print, end=truth),
    'list': lambda truth: [[truth]],
    'tuple': lambda truth: ((truth,),),
    'key': lambda truth: {truth: 0},
    'value': lambda truth: {0: truth},
    'set': lambda truth: {truth},
    'frozenset': lambda truth: frozenset({truth}),
    'deque': lambda truth: deque([truth]),
    'array': lambda truth: np.array([None, truth]),
    'view of an array': lambda truth: np.array([truth, None])[1:],
    'iterator': lambda truth: iter([truth]),
    'generator': generating,
    'cached property': lazy,
    'cache of a function': remembering,
}


class Truth(Attack):
    """Nothing but an attack."""

    def __init__(self):
        """Made of nothing."""


@pytest.mark.parametrize('hiding', HIDING)
def test_the_truth_is_found(hiding):
    assert ways(HIDING[hiding](Truth())) != []


def test_a_weak_reference_is_one():
    truth = Truth()
    assert ways([ref(truth)])[0].endswith(' > Truth')


def test_circles_are_gone_round_once():
    one, other = [], [Truth()]
    one += [other, one]
    other += [one, other]
    assert ways(one)[0] == 'list > list > Truth'


@pytest.mark.parametrize('attribute', [
    'attack', 'attack.value', 'attack.protocol', 'delay', 'silence', 'job'])
def test_all_of_the_truth_is_known_as_such(assembly, attribute):
    assert ways([attrgetter(attribute)(assembly)])


def test_so_are_the_sections_and_the_parts_that_they_name(assembly):
    job = assembly.job
    assert is_truth(job.adversary) and is_truth(job.delay)
    for section, key in job.parts:
        assert bool(ways(job.parts[section, key])) == (
            section in ('adversary', 'delay'))


# --- it is not found in a server ---------------------------------------

def kinds(start):
    return {base for _, thing in reached(start)
            for base in type(thing).__mro__}


@pytest.mark.parametrize('probes', [False, True])
def test_an_assembled_server_holds_no_plan(assembly, probes):
    """Nothing that can be reached from a server is the truth."""
    server = assembly.server(VirtualClock(), probes)
    assert ways(server) == []
    # What it does hold is found.
    assert kinds(server) >= {Scheme, Detection, Memory, Batches}


class Watching:
    """In the place of a keeper: looks at the server after every step."""

    def __init__(self, server):
        self.server, self.steps = server, []

    def begin(self):
        """Nothing is logged."""

    def catch_up(self):
        """A step is over, and the next one has begun."""
        assert ways(self.server) == []
        self.steps.append(self.server.step)


@pytest.mark.parametrize('probes', [False, True])
def test_a_server_comes_by_no_plan_in_a_run(assembly, probes):
    """Whatever workers send, also where one is exposed."""
    assembly.settle(alike(assembly.job.n_workers))
    clock = VirtualClock()
    server, pools = assembly.server(clock, probes), assembly.pools(True)
    keeper, workers = Watching(server), [
        assembly.worker(number, clock, pools)
        for number in range(assembly.job.n_workers)]
    code = simulate(server, workers, keeper, clock, Network())
    assert (code, server.step) == (DONE, 3)
    assert set(keeper.steps) >= {1, 2, 3}
    rebuilt = server._membership.excluded.any()
    assert rebuilt == assembly.transfer.comparable
    # The workers have it all.
    assert ways(workers[0]) and ways(assembly)


def test_nor_in_a_whole_job_that_is_stopped_and_goes_on(
        assembly, tmp_path, monkeypatch):
    """The keeper holds the plan, but nothing of the server the keeper."""
    steps = []

    class Reached(Keeper):
        def catch_up(self):
            super().catch_up()
            assert ways(self) != [] == ways(self._server)
            steps.append(self._server.step)
    monkeypatch.setattr('aspis_mpi.assembly.wiring.Keeper', Reached)
    job = assembly.job
    for last in 2, 4:
        run = job.run.model_copy(update={'steps': last})
        code, _ = aspis_mpi.simulate(replace(job, run=run), resume=last == 4,
                                     out=tmp_path / 'run.h5')
        assert code == DONE
    assert set(steps) >= {1, 3}


def test_what_makes_schemes_cannot_be_changed(assembly):
    """Else it would be a place to leave the truth."""
    frozen = [thing for _, thing in reached(assembly.schemes)
              if isinstance(thing, Schemes | SchemeFactory | Makers | Part)]
    assert len(frozen) == 3 + len(fields(Makers))
    for thing in frozen:
        with pytest.raises(FrozenInstanceError):
            setattr(thing, fields(thing)[0].name, None)
