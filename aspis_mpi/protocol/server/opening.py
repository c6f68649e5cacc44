"""How a step begins: what it waits for, and what the workers are told."""

import numpy as np

from aspis_mpi.protocol.messages import Model, Parameters
from aspis_mpi.protocol.server.step import Step
from aspis_mpi.schemes.record import ArrivalKind


def open_step(number, members, present, lenient, floor, chronicle, course,
              started):
    """A step in which nothing has arrived yet.

    Parameters
    ----------
    number : int
    members : Membership
        As of this step.
    present : ndarray of bool, shape (K,)
        Who takes part.
    lenient : bool
        Whether it goes on without files that nobody can finish.
    floor : float
        Norms below it are not told from it.
    chronicle : Chronicle
    course : Course
    started : float
        Seconds.

    Returns
    -------
    Step
    """
    scheme = members.scheme
    gathering = scheme.collection.begin(
        present, lenient or scheme.collection.tolerates_missing,
        members.speeds, scheme.needed)
    table = scheme.transfer.begin(scheme.equality, floor, number,
                                  members.known)
    step = Step(number, members, gathering, chronicle, started, table,
                course)
    chronicle.arrived(step, -1, ArrivalKind.MODEL, started)
    return step


def announce(step, workers, parameters):
    """The step and its parameters, to those who take part.

    Parameters
    ----------
    step : Step
    workers : list of int
    parameters : Buffer

    Returns
    -------
    list of (int, Message)
    """
    model = Model(step.number, excluded=np.packbits(step.excluded).tobytes())
    vector = Parameters(step.number, buffer=parameters)
    step.post(workers, model)
    step.post(workers, vector)
    return [(worker, message) for worker in workers
            for message in (model, vector)]
