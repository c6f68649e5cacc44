"""The order of sending and computing, for all that have a server."""

from collections.abc import Callable, Collection

from aspis_mpi.protocol.messages import Said
from aspis_mpi.protocol.server.machine import ParameterServer
from aspis_mpi.protocol.server.states import COMPUTES, State


def drive(server: ParameterServer, messages: Said,
          send: Callable[[Said], None],
          after: Callable[[], None] | None = None,
          states: Collection[State] = COMPUTES) -> None:
    """Send what a server says, then compute what is due, until nothing is.

    What takes time to compute waits until messages have left, so that the
    workers need not wait for it.

    Parameters
    ----------
    server : ParameterServer
    messages : list of (int, Message)
        What it has said; may be empty.
    send : callable
        Given such a list: sends it.
    after : callable, optional
        Called when something has been computed and what follows is sent.
    states : container of State, optional
        Those in which to compute; in others what is due stays so.
    """
    send(messages)
    while server.due and server.state in states:
        send(server.proceed())
        if after is not None:
            after()
