"""Sketches on both sides of what still counts as equal."""

from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.checks import check_finite


class Straddle(Protocol):
    """Sketches a little off, each adversary's to the other side.

    Of adversaries in ascending order every other one is off to the same
    side, by the same distance in every file; norms and vectors are honest
    (with the value `honest`).  Where `size` is below the distance that is
    support, and twice as much is above it, every adversary supports
    everybody, but those on the other side.

    Parameters
    ----------
    seed : int
    size : float
        Of the error, relative to the norm of the file, at least 0.
    """

    name = 'straddle'
    challenged = True

    def __init__(self, seed, *, size: float = 0.9e-9):
        super().__init__(seed)
        check_finite('size', size, 0.0)
        self._size = size

    def sketches(self, step, epoch, worker, own, weights, sketch):
        """Move all rows of a sketch by as much; norms stay."""
        side = -1.0 if self._adversaries[:worker].sum() % 2 else 1.0
        own[:, :-1] += side * self._size * own[:, -1:]
