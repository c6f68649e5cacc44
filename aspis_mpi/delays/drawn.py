"""Delays that are drawn anew in each step."""

from typing import Literal

from aspis_mpi import streams
from aspis_mpi.checks import check_positive
from aspis_mpi.delays.base import Delay

#: Steps whose factors are drawn together: making a generator takes longer
#: than drawing from it, and a step waits for its slowest worker.
BLOCK = 32


class Drawn(Delay):
    """`mean` seconds a file, times random factors of mean 1.

    Parameters
    ----------
    n_workers, load, seed
        See `Delay`.
    mean : float
        Seconds a file, above 0.
    per : {'worker', 'file'}
        Whether a worker draws one factor for all files of a step, or one
        for each file.
    """

    def __init__(self, n_workers, load, seed, *, mean: float = 0.03,
                 per: Literal['worker', 'file'] = 'worker'):
        super().__init__(n_workers, load, seed)
        check_positive('mean', mean)
        if per not in ('worker', 'file'):
            raise ValueError(f"per '{per}' must be 'worker' or 'file'")
        self.mean = mean
        self.per = per
        self._block = None, None

    def drawn(self, step):
        """`mean` times the factors that the stream of its block gives."""
        number, place = divmod(step, BLOCK)
        if number != self._block[0]:
            rng = streams.generator(self.seed, 'delay', number)
            shape = (BLOCK, self.n_workers,
                     1 if self.per == 'worker' else self.load)
            self._block = number, self.mean * self.factors(rng, shape)
        return self._block[1][place]

    def factors(self, rng, shape):
        """Random factors of mean 1.

        Parameters
        ----------
        rng : numpy.random.Generator
        shape : tuple of int

        Returns
        -------
        ndarray of float64
        """
        raise NotImplementedError
