"""The states of a worker: what it may be sent in each, and what follows."""

from enum import Enum, auto

from aspis_mpi.protocol.messages import (
    Challenge, Commit, Encode, Model, Parameters, Probe, Reorder, Skip, Stop)


class State(Enum):
    """States of a worker."""

    # Members are what they are; that of an enumeration hashes their names.
    __hash__ = object.__hash__

    IDLE = auto()
    WAITING = auto()            # a step is announced, parameters under way
    COMPUTING = auto()
    SENDING = auto()            # a vector is asked for
    SKETCHING = auto()          # and sketches of what it is made of
    PROBING = auto()            # what does it compute, before the first step
    STOPPED = auto()


_ALWAYS = {Model, Parameters, Reorder, Stop}
_ASKS = {Encode, Challenge}
#: What a worker may be sent in each state.  The lanes are independent, so
#: the parameters of a step may overtake its announcement, or come after it
#: is over.
ALLOWED = {
    State.IDLE: _ALWAYS | {Probe},
    State.PROBING: _ALWAYS,
    State.WAITING: _ALWAYS | {Skip, Commit},
    State.COMPUTING: _ALWAYS | _ASKS | {Skip, Commit},
    State.SENDING: _ALWAYS | _ASKS | {Skip, Commit},
    State.SKETCHING: _ALWAYS | _ASKS | {Skip, Commit},
    State.STOPPED: {Parameters},
}

#: Which other states may come next; Idle is on the way to every other step.
FOLLOWS = {
    State.IDLE: {State.WAITING, State.STOPPED},
    State.WAITING: {State.COMPUTING, State.PROBING, State.IDLE},
    State.COMPUTING: {State.SENDING, State.SKETCHING, State.IDLE},
    State.SENDING: {State.COMPUTING, State.SKETCHING, State.IDLE},
    State.SKETCHING: {State.COMPUTING, State.SENDING, State.IDLE},
    State.PROBING: {State.IDLE},
    State.STOPPED: set(),
}

#: What the server waits for is done before anything else.
ASKED = State.SENDING, State.SKETCHING
