"""Messages as they are asked for."""

from aspis_mpi.attacks.conduct import Protocol


class Nothing(Protocol):
    """Reports, payloads and sketches as they are asked for."""

    name = 'none'
    lies = False
