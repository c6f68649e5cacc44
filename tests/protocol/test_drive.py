"""One place says in which order a server sends and computes."""

import ast
from pathlib import Path

import pytest

import aspis_mpi
from aspis_mpi.protocol.server.drive import drive
from aspis_mpi.protocol.server.states import COMPUTES, WAITS, State

PACKAGE = Path(aspis_mpi.__file__).parent
#: The driver, and the server, which hands a call over to its step.
CALLERS = {'protocol/server/drive.py', 'protocol/server/machine.py'}


class Scripted:
    """A server that computes what it is told to, and says so.

    Parameters
    ----------
    states : list of State
        In which it is due, one after the other.
    story : list
        What happens is written there.
    """

    def __init__(self, states, story):
        self.states, self.story = list(states), story

    @property
    def state(self):
        return self.states[0] if self.states else State.STOPPED

    @property
    def due(self):
        return bool(self.states)

    def proceed(self):
        state = self.states.pop(0)
        self.story.append(f'computes while {state.name}')
        return [f'after {state.name}']


def told(script, messages=('first',), **options):
    """What happens, in order, and what of the server is left."""
    story = []
    server = Scripted(script, story)
    drive(server, list(messages), lambda said: story.append(said),
          lambda: story.append('after'), **options)
    return story, server.states


def test_all_messages_leave_before_anything_is_computed():
    story, left = told([State.VERIFYING, State.RESOLVING])
    assert story == [['first'],
                     'computes while VERIFYING', ['after VERIFYING'], 'after',
                     'computes while RESOLVING', ['after RESOLVING'], 'after']
    assert not left


def test_nothing_is_computed_where_nothing_is_due():
    assert told([]) == ([['first']], [])


@pytest.mark.parametrize('state', COMPUTES, ids=lambda state: state.name)
def test_other_states_are_left_as_they_are(state):
    """A replay computes only what the record has."""
    others = [other for other in COMPUTES if other is not state]
    for other in others:
        story, left = told([state, other, state], states={state})
        assert left == [other, state]
        assert story[1:] == [f'computes while {state.name}',
                             [f'after {state.name}'], 'after']


def test_an_error_leaves_what_is_due():
    """The backend ends the run, and `stop` is what it sends then."""
    server = Scripted([State.RESOLVING], [])

    def send(messages):
        raise OSError('the line is cut')
    with pytest.raises(OSError, match='the line is cut'):
        drive(server, [], send)
    assert server.states == [State.RESOLVING] and not server.story


def test_every_state_in_which_something_can_be_due_is_driven():
    """All but those in which workers alone compute."""
    assert set(COMPUTES) == set(State) - {State.COMPUTING, State.ENCODING,
                                          State.STOPPED}
    assert set(WAITS) & set(COMPUTES) == {
        State.PROBING, State.VERIFYING, State.CHECKING}


def test_nothing_else_drives_a_server():
    calling = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob('*.py')
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        and node.func.attr == 'proceed'}
    assert calling == CALLERS
