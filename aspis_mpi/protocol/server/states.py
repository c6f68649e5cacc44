"""The states of the server: what may be sent in each, and what follows."""

from enum import Enum, auto

from aspis_mpi.protocol.messages import (
    Answer, CodedGradient, Message, Progress, Replica, Sketch, Sum)


class State(Enum):
    """Place of the server in a step."""

    # Members are what they are; that of an enumeration hashes their names.
    __hash__ = object.__hash__

    PROBING = auto()
    COMPUTING = auto()
    ENCODING = auto()
    VERIFYING = auto()
    CHECKING = auto()
    RESOLVING = auto()
    STOPPED = auto()


#: What a worker may send in each state, besides that it cannot go on.
ALLOWED: dict[State, set[type[Message]]] = {
    State.PROBING: {Answer},
    State.COMPUTING: {Replica, Progress, CodedGradient, Sum},
    State.ENCODING: {Progress, CodedGradient, Sum},
    State.VERIFYING: {Progress, Sketch},
    State.CHECKING: {Sketch, Sum},
    State.RESOLVING: set(),
}
#: Which other states may come next.
FOLLOWS: dict[State, set[State]] = {
    State.STOPPED: {State.PROBING, State.COMPUTING},
    State.PROBING: {State.COMPUTING, State.STOPPED},
    State.COMPUTING: {State.ENCODING, State.RESOLVING, State.STOPPED},
    State.ENCODING: {State.COMPUTING, State.VERIFYING, State.CHECKING,
                     State.RESOLVING, State.STOPPED},
    State.VERIFYING: {State.COMPUTING, State.CHECKING, State.RESOLVING,
                      State.STOPPED},
    State.CHECKING: {State.VERIFYING, State.RESOLVING, State.STOPPED},
    State.RESOLVING: {State.COMPUTING, State.STOPPED},
}
#: The states in which workers are waited for.
WAITS = (State.PROBING, State.COMPUTING, State.ENCODING,
         State.VERIFYING, State.CHECKING)
#: The states in which the server may have something to compute.
COMPUTES = (State.PROBING, State.VERIFYING, State.CHECKING,
            State.RESOLVING)
