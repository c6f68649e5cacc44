"""The two things that decide when a worker answers."""

from typing import NamedTuple

from aspis_mpi.delays.base import Delay
from aspis_mpi.delays.silence import Silence


class Timing(NamedTuple):
    """How long files take, and who falls silent: what `[delay]` says.

    Attributes
    ----------
    delay : Delay
    silence : Silence
    """

    delay: Delay
    silence: Silence
