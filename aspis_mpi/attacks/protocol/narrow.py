"""A start-up probe in which machines look more alike than they are."""

from aspis_mpi.attacks.conduct import Protocol


class Narrow(Protocol):
    """Answers to the start-up probe that are those of rank 0.

    Also where the own machine computes other bits: then the thresholds are
    made of too small distances.  Rank 0's bits are those of its kind of
    machine, or come from `Problem.of_server`; everything else is as it is
    asked for.  In a simulation all machines are alike.

    Parameters
    ----------
    seed : int
    """

    name = 'narrow'
    lies = False
    narrows = True
