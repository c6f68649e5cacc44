"""The beginning of a step: whom and what it waits for."""

from aspis_mpi.compression.plain import PLAIN
from aspis_mpi.protocol.server.reactive_step import ReactiveStep
from aspis_mpi.protocol.server.spot_step import SpotStep
from aspis_mpi.protocol.server.step import Step
from aspis_mpi.schemes.record import ArrivalKind


def open_step(number, members, present, lenient, floor, notes, course,
              started, codec=PLAIN):
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
    notes : Notes
    course : Course
    started : float
        Seconds.
    codec : Codec
        Of the vectors of this step.

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
    table.use(codec)
    step = _kind(scheme.transfer)(number, members, gathering, notes,
                                  started, table, course)
    notes.arrived(step, -1, ArrivalKind.MODEL, started)
    return step


def _kind(transfer):
    """The class of its steps."""
    if transfer.recomputes:
        return ReactiveStep
    return SpotStep if transfer.looks_by_chance else Step
