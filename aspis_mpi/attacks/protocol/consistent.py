"""Vectors that are wrong, with sketches that fit them."""

import numpy as np

from aspis_mpi.attacks.protocol.payloads import Payloads


class Consistent(Payloads):
    """A random error in each vector, hidden in the sketch of one file.

    Parameters
    ----------
    seed : int
    size : float
        Norm of the error, relative to that of the vector.
    """

    name = 'consistent'

    def __init__(self, seed, *, size: float = 1.0):
        super().__init__(seed, size=size)
        self._added = {}

    def payload(self, step, epoch, worker, values):
        """Add the error, and remember it for the challenge."""
        error = self._error(step, epoch, worker, values)
        self._added[worker] = step, error
        values += error

    def sketches(self, step, epoch, worker, own, weights, sketch):
        """Change the sketch of the first file that was sent."""
        sent = np.flatnonzero(weights.any(axis=1))
        when, error = self._added.get(worker, (None, None))
        if when != step or not sent.size:
            return
        change = sketch(error)[:-1].sum(axis=1)
        part = np.abs(weights[sent[0]]).argmax()
        own[sent[0], :-1, part] += change / weights[sent[0], part]
