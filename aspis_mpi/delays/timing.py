"""The two things that decide when a worker answers."""

from typing import NamedTuple

from aspis_mpi.delays.base import Delay
from aspis_mpi.delays.silence import Silence


class Timing(NamedTuple):
    """The time of files and the silence of workers, the section `[delay]`.

    Attributes
    ----------
    delay : Delay
    silence : Silence
    """

    delay: Delay
    silence: Silence
