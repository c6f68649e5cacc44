"""The base of every lie about reports, payloads and sketches."""

from collections.abc import Callable

import numpy as np

from aspis_mpi.arrays import Bools, Floats, Vector

#: The sketch (k + 1, copies) of a vector.
Sketching = Callable[[Vector], Floats]


class Protocol:
    """The changes that an adversary makes in the messages it owes.

    Parameters
    ----------
    seed : int
        Of the run.

    Attributes
    ----------
    lies : bool
        Whether reports, payloads or sketches are lied about.
    payloads : bool
        Whether payloads are not what was asked for.
    challenged : bool
        Whether answers to a challenge alone are lied about.
    patient : bool
        Whether files are lied about only after a step's first challenge.
    refuses : bool
        Whether what a challenge or a check asks for is never answered.
    frames : bool
        Whether files of other workers are lied about when they are checked.
    narrows : bool
        Whether the start-up probe is answered as rank 0 does.
    timing : bool
        Whether it is all about time, which every transfer takes.
    seconds : float
        That a dawdler lets each answer wait, or with a transfer that pushes
        each replica after the one before; infinite: for ever.
    """

    lies = True
    payloads = False
    challenged = False
    patient = False
    refuses = False
    frames = False
    narrows = False
    timing = False
    seconds = 0.0

    def __init__(self, seed: int | None):
        self._seed = seed
        self._adversaries: Bools | None = None

    def meet(self, adversaries: Bools) -> None:
        """Hear who the adversaries are, bool (K,), of what comes next."""
        self._adversaries = adversaries

    def dawdlers(self, step: int, adversaries: Bools) -> Bools:
        """The adversaries that let their answers wait in `step`, bool (K,).

        Parameters
        ----------
        step : int
        adversaries : ndarray of bool, shape (K,)
        """
        return np.zeros_like(adversaries)

    def claims(self, finished: int, load: int) -> int:
        """Positions to report as finished, as bits.

        Parameters
        ----------
        finished : int
            Those that are.
        load : int
            Files of the worker.
        """
        return finished

    def payload(self, step: int, epoch: int, worker: int,
                values: Vector) -> None:
        """Change a payload, float32 (size,), in place."""

    def check(self, step: int, file: int, row: Floats) -> None:
        """Change the sketch of another worker's file, in place.

        Parameters
        ----------
        step, file : int
        row : ndarray of float64, shape (k + 1, copies)
        """

    def accuse(self, step: int, file: int, values: Vector) -> None:
        """Change the sum of another worker's files, in place.

        Parameters
        ----------
        step : int
        file : int
            The first of them.
        values : ndarray of float32, shape (d,)
        """

    def sketches(self, step: int, epoch: int, worker: int, own: Floats,
                 weights: Floats, sketch: Sketching) -> None:
        """Change sketches and norms in place.

        Parameters
        ----------
        step, epoch, worker : int
        own : ndarray of float64, shape (l, k + 1, copies)
            Of the worker's files, ascending.
        weights : ndarray of float64, shape (l, copies)
            Its coefficients in what it last sent.
        sketch : callable
            The sketch (k + 1, copies) of a vector, with this challenge's
            secret.
        """
