"""A lie that is neither near the truth nor far from it."""

from copy import copy
from typing import Literal

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import norm
from aspis_mpi.attacks.value import Value
from aspis_mpi.checks import check_finite, check_positive

#: Files of which the typical norm is taken.
SAMPLE = 32


class Between(Value):
    """The true gradient and an error between `tolerance` and `disagreement`.

    Whoever sends it neither supports nor disagrees with honest workers, so
    that it is not exposed, but a file lacks supporters.

    Parameters
    ----------
    seed
        See `Value`.
    apart : float
        Norm of the error, relative to that of the gradient; above 0.
    floor : float
        The same relative to the mean norm of the step's first files, which
        counts where it is more; at least 0.
    direction : str
        Of the error: at random for each file, the same for all liars
        ('shared') or another for each ('apart'), or against the gradient
        ('against').
    """

    name = 'between'

    def __init__(self, seed, *, apart: float = 3e-3, floor: float = 0.0,
                 direction: Literal['shared', 'apart', 'against'] = 'shared'):
        super().__init__(seed)
        check_positive('apart', apart)
        check_finite('floor', floor, 0.0)
        self.apart = apart
        self.floor = floor
        self.direction = direction
        self.sample = SAMPLE if floor else 0
        self._names = ()
        self._step = self._typical = None

    def of(self, worker):
        """The same, or one with an error of its own where these are apart."""
        if self.direction != 'apart':
            return self
        own = copy(self)
        own._names = worker,
        return own

    def lie(self, honest, n_samples, step, file, colluders, out):
        """Honest + apart * |honest| * direction."""
        if self.direction == 'against':
            np.negative(honest, out=out)
        else:
            rng = streams.generator(self.seed, 'between', step, file,
                                    *self._names)
            rng.standard_normal(dtype=np.float32, out=out)
        error = max(self.apart * norm(honest), self._least(
            n_samples, step, colluders))
        length = norm(out)
        np.multiply(out, np.float32(error / length if length else 0), out=out)
        out += honest

    def _least(self, n_samples, step, colluders):
        """Norm of an error at least."""
        if not self.floor:
            return 0.0
        if step != self._step:
            self._typical = np.mean([norm(row) for row in colluders()])
            self._step = step
        return self.floor * n_samples * self._typical
