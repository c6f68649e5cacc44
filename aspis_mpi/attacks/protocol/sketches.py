"""Sketches of something else than what was sent."""

from aspis_mpi import streams
from aspis_mpi.attacks.conduct import Protocol
from aspis_mpi.checks import check_finite


class Sketches(Protocol):
    """A random error in every sketch; vectors are honest.

    Parameters
    ----------
    seed : int
    size : float
        Of the error, relative to the norm of the file.
    """

    name = 'sketches'
    challenged = True

    def __init__(self, seed, *, size: float = 1.0):
        super().__init__(seed)
        check_finite('size', size)
        self._size = size

    def sketches(self, step, epoch, worker, own, weights, sketch):
        """Add the error; norms stay."""
        rng = streams.generator(self._seed, 'sketches', step, epoch, worker)
        noise = rng.standard_normal(own[:, :-1].shape)
        own[:, :-1] += self._size * own[:, -1:] * noise
