"""Silence wherever somebody looks."""

from aspis_mpi.attacks.conduct import Protocol


class Refuse(Protocol):
    """No answer to a challenge, nor to anything that others would check.

    Vectors come in time and are made of the lies, if the value is one: only
    what could prove it never comes.

    Parameters
    ----------
    seed : int
    """

    name = 'refuse'
    challenged = True
    refuses = True
