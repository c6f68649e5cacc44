"""Which state may follow which: data, prose and what machines do agree."""

import ast
import itertools
import re
from pathlib import Path

import pytest

from aspis_mpi import simulate
from aspis_mpi.errors import DONE, LocalProtocolError
from aspis_mpi.protocol.server import machine as server
from aspis_mpi.protocol.server import states
from aspis_mpi.protocol.server.probing import Probing
from aspis_mpi.protocol.server.states import COMPUTES, WAITS
from aspis_mpi.protocol.server.spot_step import SpotStep
from aspis_mpi.protocol.server.step import Step
from aspis_mpi.protocol.transitions import Machine
from aspis_mpi.protocol.worker import machine as worker

PROTOCOL = Path(server.__file__).parents[1]

#: A line of prose that a reader, and this test, takes for arrows.
ARROWS = re.compile(r'^    (\w+) +-> (\w+(?:, \w+)*)$', re.MULTILINE)

SIDES = {'server': (server, states), 'worker': (worker, worker)}
MACHINES = {'step': (Step, states), 'probing': (Probing, states),
            'worker': (worker.Worker, worker)}


def told(text):
    """The arrows that a docstring names: state to states."""
    return {before: after.split(', ')
            for before, after in ARROWS.findall(text)}


def titles(found):
    """States as prose writes them; those that nothing follows left out."""
    return {before.name.title(): {state.name.title() for state in after}
            for before, after in found.items() if after}


@pytest.mark.parametrize('module, data', SIDES.values(), ids=SIDES)
def test_the_prose_names_the_arrows_of_the_table(module, data):
    prose = told(module.__doc__)
    assert all(len(set(after)) == len(after) for after in prose.values())
    assert {before: set(after) for before, after in prose.items()} == titles(
        data.FOLLOWS)


@pytest.mark.parametrize('module, data', SIDES.values(), ids=SIDES)
def test_the_prose_says_what_each_state_is(module, data):
    for state in data.State:
        assert re.search(rf'^    {state.name.title()} +(?!->)\S',
                         module.__doc__, re.MULTILINE), state


@pytest.mark.parametrize('cls, data', MACHINES.values(), ids=MACHINES)
def test_no_machine_goes_where_it_may_not(cls, data):
    for before, after in itertools.product(data.State, repeat=2):
        it = object.__new__(cls)
        it.state = before
        if after is before or after in data.FOLLOWS[before]:
            it.turn_to(after)
            assert it.state is after
            continue
        with pytest.raises(LocalProtocolError) as found:
            it.turn_to(after)
        assert cls.__name__ in str(found.value)
        assert before.name in str(found.value)
        assert after.name in str(found.value)
        assert it.state is before


@pytest.mark.parametrize('module, data', SIDES.values(), ids=SIDES)
def test_each_state_is_left_and_reached(module, data):
    """But for the end of a worker, which is left by nobody."""
    assert set(data.FOLLOWS) == set(data.State)
    reached = set().union(*data.FOLLOWS.values())
    assert reached == set(data.State)
    assert not any(before in after for before, after in data.FOLLOWS.items())
    assert set(data.State) - {data.State.STOPPED} <= set(data.ALLOWED)


def test_a_state_is_set_by_constructors_and_by_one_setter():
    """Where else it were set, nothing would be looked up."""
    setting = set()
    for path in PROTOCOL.rglob('*.py'):
        for function in ast.walk(ast.parse(path.read_text('utf-8'))):
            if isinstance(function, ast.FunctionDef):
                setting |= {(path.name, function.name)
                            for node in ast.walk(function)
                            if isinstance(node, ast.Attribute)
                            and node.attr == 'state'
                            and isinstance(node.ctx, ast.Store)}
    assert {place for place in setting if place[1] != '__init__'} == {
        ('transitions.py', 'turn_to')}
    assert {name for name, _ in setting} == {
        'transitions.py', 'step.py', 'probing.py', 'machine.py'}


def test_who_waits_for_workers_can_go_on_without_them():
    """By what it computes, or by another signal."""
    for state in set(WAITS) | set(COMPUTES):
        assert states.FOLLOWS[state] - {states.State.STOPPED}, state
        assert states.State.STOPPED in states.FOLLOWS[state]


# --- what whole runs do --------------------------------------------------

@pytest.fixture
def taken(monkeypatch):
    """The arrows that machines take from now on, by class."""
    found, turn_to = {}, Machine.turn_to

    def watched(self, state):
        if state is not self.state:
            found.setdefault(type(self), set()).add((self.state, state))
        turn_to(self, state)
    monkeypatch.setattr(Machine, 'turn_to', watched)
    return found


#: Small jobs that lead everywhere: what they set, besides `JOB`.
RUNS = {
    'a probe, then replicas': (
        "scheme.name='aspis'", 'scheme.adversaries=1',
        'network.latency=0.0'),
    'vectors, and a worker that is silent once it is asked': (
        "transfer.name='sums'", 'delay.silent=1',
        "delay.silent_after='encode'", 'faults.silence=9.0'),
    'challenges that show that files lack copies': (
        "scheme.name='robust-partial'", 'scheme.adversaries=3',
        "assignment.name='subset'", "detection.audits='none'"),
    'sums in the place of a silent worker, and checks of them': (
        "scheme.name='spot'", 'scheme.adversaries=2', 'assignment.load=2',
        'detection.first=0', 'detection.rate=1e-6', 'delay.silent=1',
        'faults.silence=9.0'),
}
JOB = '''
[run]
steps = 3
[problem]
name = 'quadratic'
parameters = 12
[scheme]
name = 'partial'
workers = 7
[delay]
name = 'exponential'
mean = 1.0
[network]
latency = 0.1
'''


def test_runs_take_every_arrow_between_two_messages(taken, tmp_path):
    (tmp_path / 'job.toml').write_text(JOB)
    for number, sets in enumerate(RUNS.values()):
        code, _ = simulate(tmp_path / 'job.toml', settings=sets,
                           out=tmp_path / f'{number}.h5')
        assert code == DONE
    within = {(before, after) for before, found in states.FOLLOWS.items()
              for after in found}
    # Those from one stage to the next are checked where it is replaced.
    outer = {pair for pair in within if states.State.STOPPED in pair
             or pair[0] in (states.State.PROBING, states.State.RESOLVING)}
    assert taken[Step] | taken[SpotStep] == within - outer
    its = worker.State
    rare = {(its.WAITING, its.IDLE), (its.SENDING, its.SKETCHING),
            (its.SKETCHING, its.SENDING), (its.SENDING, its.IDLE),
            (its.SKETCHING, its.IDLE)}
    assert taken[worker.Worker] >= {
        (before, after) for before, found in worker.FOLLOWS.items()
        for after in found} - rare
