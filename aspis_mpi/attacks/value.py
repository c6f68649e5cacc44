"""The base of every lie: another vector than the honest one, equal for all."""

from collections.abc import Callable

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.arrays import Vector

#: True mean gradients of some files of a step, float32 (m, d).
Colluders = Callable[[], Vector]


class Value:
    """The vector that liars send for a file.

    A lie is a function of the file, the step and the seed, so that all
    liars on a file send equal bits without a channel between them; it is
    one of the worker only where `of` says so.

    Parameters
    ----------
    seed : int
        The seed of the job.

    Attributes
    ----------
    lies : bool
        Whether it differs from the true gradient, in a number.
    sample : int
        Of how many files of the step the attack wants to know the true
        gradients; 0 if of none.
    """

    lies = True
    sample = 0

    def __init__(self, seed: int | None):
        self.seed = seed

    def meet(self, n_workers: int, n_liars: int) -> None:
        """Hear how many workers there are, and how many of them lie.

        Raises
        ------
        ValueError
            There is no such lie among so many.
        """

    def of(self, worker: int) -> 'Value':
        """The same for one liar, a value of its own where liars differ."""
        return self

    def forge(self, honest: Vector, n_samples: int, step: int, file: int,
              colluders: Colluders, out: Vector) -> None:
        """Write the lie to `out`; it differs from `honest` in a number.

        Parameters
        ----------
        honest : ndarray of float32, shape (d,)
            The true gradient of the file, summed over its samples; it is
            not changed.
        n_samples : int
            Number of samples of the file.
        step, file : int
        colluders : callable
            Takes nothing and returns float32 (m, d): the true mean
            gradients of the first m files of the step, m being `sample`
            or the number of files if that is less.
        out : ndarray of float32, shape (d,)
            Receives the lie, like `honest` a sum over the samples.
        """
        with np.errstate(over='ignore', invalid='ignore'):
            self.lie(honest, n_samples, step, file, colluders, out)
        # A lie that happens to be the truth would make the log's truth
        # wrong.
        arrays.set_apart(out, honest)

    def lie(self, honest: Vector, n_samples: int, step: int, file: int,
            colluders: Colluders, out: Vector) -> None:
        """Write what the attack wants to `out`; arguments as in `forge`."""
        raise NotImplementedError
