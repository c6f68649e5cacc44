"""What stands in the place of a step: the server talks to nothing else."""

import ast
import inspect
import re

import numpy as np
import pytest

from aspis_mpi.errors import FAILED, INTERRUPTED, Malformed
from aspis_mpi.protocol.buffers import Buffer
from aspis_mpi.protocol.messages import Answer, Failure, Progress, Stop
from aspis_mpi.protocol.server import machine
from aspis_mpi.protocol.server.drive import drive
from aspis_mpi.protocol.server.probing import NUMBER, Probing
from aspis_mpi.protocol.server.stage import Stage
from aspis_mpi.protocol.server.states import State
from aspis_mpi.protocol.server.step import Step
from tests.support.signatures import plain

#: How the server calls what it is in the middle of.
NAMES = {'step', 'stage', 'probing', 'before'}
#: Where a stage begins or is over, and what more is asked there.
MORE = {'_begin': {'post', 'started'}, '_probed': {'refused', 'equality'},
        '_undo': {'alert', 'horizon'}}


def declared():
    """What a stage has: its methods, and its attributes by its docstring."""
    methods = {name for name in vars(Stage) if not name.startswith('_')}
    attributes = re.findall(r'^    ([\w, ]+) : ', Stage.__doc__,
                            re.MULTILINE)
    return methods | {name for names in attributes
                      for name in names.split(', ')}


def is_stage(node):
    """Whether an expression stands for the stage of the server."""
    if isinstance(node, ast.Attribute):
        return node.attr == '_step' and isinstance(node.value, ast.Name)
    return isinstance(node, ast.Name) and node.id in NAMES


def test_the_server_asks_a_stage_for_nothing_else():
    tree = ast.parse(inspect.getsource(machine.ParameterServer))
    used = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            used[function.name] = {
                node.attr for node in ast.walk(function)
                if isinstance(node, ast.Attribute) and is_stage(node.value)}
    assert {'handle', 'lose', 'silence', 'alarm'} <= set().union(
        *used.values())
    for name, names in used.items():
        assert names <= declared() | MORE.get(name, set()), name


@pytest.mark.parametrize('cls', [Step, Probing])
def test_every_stage_has_all_of_it(cls):
    assert issubclass(cls, Stage) and not inspect.isabstract(cls)
    for name in Stage.__abstractmethods__:
        ours, theirs = getattr(Stage, name), getattr(cls, name)
        assert ours.__doc__ and theirs.__doc__, name
        if inspect.isfunction(ours):
            assert plain(ours) == plain(theirs), name


class Roll(Stage):
    """A stage of a test's own: everybody is asked to answer once.

    It knows nothing of steps; `story` is what the server asked it.
    """

    number, name, state = NUMBER, 'the roll', State.PROBING
    turn = NUMBER
    refused, equality = 'the roll is over', None

    def __init__(self, lost):
        self.living = ~lost
        self.excluded = np.zeros_like(lost)
        self.silent = np.zeros_like(lost)
        self.noted, self.story = set(), []
        self.bytes_in = self.messages = 0
        self._missing = self.living.copy()

    def announce(self, workers, parameters):
        return [(worker, Stop(NUMBER)) for worker in workers]

    def handle(self, worker, message):
        message.buffer.release()
        if message.epoch:
            raise Malformed('an answer to nothing')
        self._missing[worker] = False
        return []

    def expire(self):
        self.story.append('expire')
        return []

    def admit(self, workers):
        self.story.append('admit')
        return []

    def lose(self, workers):
        self.story.append(('lose', *workers))
        self.living[workers] = self._missing[workers] = False
        return []

    def excuse(self, workers):
        self.story.append(('excuse', *workers))
        return []

    def blame(self, worker, reason):
        self.story.append(('blame', worker, reason))

    def miss(self, worker):
        self.story.append(('miss', worker))

    def silence(self, worker):
        self.silent[worker] = True
        return 'at the roll'

    def alarm(self, silence):
        return silence

    def overdue(self, now, silence):
        return self._missing & (now >= silence)

    def tardy(self, now):
        return self._missing & (now >= 1)

    @property
    def due(self):
        return not self._missing.any()

    def proceed(self, audit):
        self.story.append('proceed')
        return []


class Called:
    """A server that calls the roll first, of five workers.

    Attributes
    ----------
    sent : list of (int, Message)
    """

    def __init__(self, assembly):
        self.seconds, self.sent = 0.0, []
        self.server = assembly.server(lambda: self.seconds)
        self.server._probing = lambda notes, lost: Roll(lost)
        self.do(self.server.start())
        self.roll = self.server._step

    def do(self, messages):
        drive(self.server, messages, self.sent.extend)

    def answer(self, worker, epoch=0):
        self.do(self.server.handle(worker, Answer(
            NUMBER, epoch, 0, Buffer(1).hold())))

    @property
    def texts(self):
        return [event.text for event in self.server.notes.events]


@pytest.fixture
def called(assemble):
    return Called(assemble(faults={'silence': 2.0, 'tolerate': 1}))


def test_a_stage_that_is_no_step_is_enough_for_the_server(called):
    assert [worker for worker, _ in called.sent] == [0, 1, 2, 3, 4]
    for worker in range(4):
        called.answer(worker)
        assert not called.roll.due
    called.answer(4)
    assert called.roll.story == ['proceed']
    assert called.server.exit_code is not None
    assert 'the roll is over' in called.texts


def test_whoever_is_late_silent_lost_or_lies_is_told_to_the_stage(called):
    called.answer(0, epoch=1)
    assert called.roll.story == [
        ('blame', 0, 'an answer to nothing'), ('lose', 0)]
    called.do(called.server.handle(1, Failure(NUMBER, text=b'no disk')))
    assert called.roll.story[2:] == [('miss', 1), ('lose', 1)]
    assert any('failed in the roll' in text for text in called.texts)
    called.answer(2)
    called.seconds = 2.0
    called.do(called.server.tick())
    assert called.roll.story[4:] == [('lose', 3, 4), 'proceed']
    assert any('at the roll' in text for text in called.texts)
    assert called.roll.silent.tolist() == [False] * 3 + [True] * 2


def test_whoever_is_late_is_excused(called):
    called.answer(0)
    called.server._alarm, called.seconds = 1.0, 1.0
    called.do(called.server.tick())
    assert called.roll.story == [('excuse', 1, 2, 3, 4)]


def test_what_no_state_allows_does_not_reach_the_stage(called):
    called.do(called.server.handle(0, Progress(NUMBER, 0, 1, b'\x80')))
    called.do(called.server.handle(0, Answer(0, 0, 0, Buffer(1).hold())))
    assert not called.roll.story and called.roll._missing.all()
    assert called.roll.messages == 2 and called.roll.bytes_in


@pytest.mark.parametrize('code, end', [
    (FAILED, lambda server: server.stop(FAILED, 'the disk is full')),
    (INTERRUPTED, lambda server: server.interrupt('somebody asked')),
    (FAILED, lambda server: server.fail("the user's code raised"))])
def test_a_run_can_end_in_any_stage(called, code, end):
    called.do(end(called.server))
    assert called.server.exit_code == code
    assert [type(message) for _, message in called.sent[5:]] == [Stop] * 5
