"""Delays that are drawn anew in each step."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from aspis_mpi import streams
from aspis_mpi.delays.mean import MeanDelay

#: Steps whose factors are drawn together: making a generator takes longer
#: than drawing from it, and a step waits for its slowest worker.
BLOCK = 32


@dataclass(eq=False, kw_only=True)
class Drawn(MeanDelay):
    """`mean` seconds a file, times random factors of mean 1.

    Parameters
    ----------
    n_workers, load, seed, mean
        See `MeanDelay`.
    per : {'worker', 'file'}
        Whether a worker draws one factor for all files of a step, or one
        for each file.
    """

    per: Literal['worker', 'file'] = 'worker'

    def __post_init__(self):
        super().__post_init__()
        if self.per not in ('worker', 'file'):
            raise ValueError(f"per '{self.per}' must be 'worker' or 'file'")
        self._block = None, None

    def drawn(self, step):
        """`mean` times the factors that the stream of its block gives."""
        number, place = divmod(step, BLOCK)
        if number != self._block[0]:
            rng = streams.generator(self.seed, 'delay', number)
            shape = (BLOCK, self.n_workers,
                     1 if self.per == 'worker' else self.load)
            # What is past all numbers never comes.
            with np.errstate(over='ignore'):
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
