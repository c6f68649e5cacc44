"""Vectors that are wrong, with one file that takes all of the error."""

import numpy as np

from aspis_mpi.attacks.protocol.consistent import Consistent


class LoadOne(Consistent):
    """A random error in each vector, as if one file had it, norm and all.

    Only who computes just that file again can see it.

    Parameters
    ----------
    seed : int
    size : float
        Norm of the error, relative to that of the vector; a small one keeps
        the file below the screen of its norm.
    """

    name = 'load-one'

    def __init__(self, seed, *, size: float = 0.2):
        super().__init__(seed, size=size)

    def sketches(self, step, epoch, worker, own, weights, sketch):
        """Change sketch and norm of the first file that was sent."""
        before = own[:, :-1].copy()
        super().sketches(step, epoch, worker, own, weights, sketch)
        when, error = self._added.get(worker, (None, None))
        if when != step:
            return
        changed = (own[:, :-1] != before).any(axis=1)
        own[:, -1][changed] += (sketch(error)[-1].sum()
                                / np.abs(weights[changed]))
