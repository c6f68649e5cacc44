"""Lies that wait until the step has been challenged once."""

from aspis_mpi.attacks.conduct import Protocol


class Patient(Protocol):
    """Lies about files only after a step's first challenge.

    Until it is answered vectors and sketches are honest; then both are made
    of the lies, so that adversaries that hold a file alone (`quiet`) agree
    on it.  There has to be a reason for another epoch: where nothing is
    certified, it is that the largest files are not used.

    Parameters
    ----------
    seed : int
    """

    name = 'patient'
    challenged = True
    patient = True
