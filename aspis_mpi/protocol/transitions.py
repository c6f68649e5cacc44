"""Transitions of a machine, looked up in a table wherever it takes one."""

from collections.abc import Collection, Mapping
from typing import Any, Generic, Protocol, TypeVar

from aspis_mpi.errors import LocalProtocolError


#: A state of some machine, of the enumeration that it has of them.
State = TypeVar('State')


class Machine(Generic[State]):
    """Anything that is in one of a few states and goes only where it may.

    Attributes
    ----------
    state : State
        Set by the constructor, and by `turn_to` ever after.
    follows : dict of State to set of State
        Which other states may come next.

    >>> class Lamp(Machine):
    ...     follows = {'off': {'on'}, 'on': {'off', 'broken'}}
    ...     state = 'off'
    >>> lamp = Lamp()
    >>> lamp.turn_to('on')
    >>> lamp.turn_to('broken')
    >>> lamp.state
    'broken'
    >>> Lamp().turn_to('broken')
    Traceback (most recent call last):
    aspis_mpi.errors.LocalProtocolError: Lamp: 'broken' may not follow 'off'
    """

    state: State
    follows: Mapping[State, Collection[State]] = {}

    def turn_to(self, state: State) -> None:
        """Be in another state, or in the same one still.

        Raises
        ------
        LocalProtocolError
        """
        if state is not self.state:
            check(self, self.state, state)
            self.state = state


class Following(Protocol):
    """Anything that has the table of a `Machine`."""

    @property
    def follows(self) -> Mapping[Any, Collection[Any]]:
        """Other states that may come next, by state."""


def check(machine: Following, before: State, state: State) -> None:
    """Refuse a state that may not come next.

    To stay where one is is no transition.

    Raises
    ------
    LocalProtocolError
        A bug: no message that a peer sends leads anywhere else.
    """
    if state is not before and state not in machine.follows[before]:
        raise LocalProtocolError(f'{type(machine).__name__}: {state!r} may '
                                 f'not follow {before!r}')
