"""The base of lies with a factor."""

from aspis_mpi.attacks.value import Value
from aspis_mpi.checks import check_finite


class Scaled(Value):
    """A lie that is `scale` times something.

    Parameters
    ----------
    seed
        See `Value`.
    scale : float
        At least 0.
    """

    def __init__(self, seed, *, scale: float = 100.0):
        super().__init__(seed)
        check_finite('scale', scale, least=0)
        self.scale = scale
