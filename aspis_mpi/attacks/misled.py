"""The base of lies that are honest work on something else."""

import numpy as np

from aspis_mpi.arrays import Vector
from aspis_mpi.attacks.value import Colluders, Value


class Misled(Value):
    """The gradient of the file at other parameters, or of other labels.

    A liar computes it besides the true one, from which it has to differ.

    Attributes
    ----------
    flips : bool
        Whether labels are flipped, y to C - 1 - y of C classes.
    """

    flips = False

    def see(self, turn: int, parameters: Vector) -> None:
        """Hear of the parameters of a turn, which are not changed."""

    def parameters(self, turn: int, parameters: Vector) -> Vector:
        """The parameters that count in a turn, by default its own.

        Parameters
        ----------
        turn : int
        parameters : ndarray of float32, shape (d,)
            Those of the turn.

        Returns
        -------
        ndarray of float32, shape (d,)
        """
        return parameters

    def lie(self, honest: Vector, n_samples: int, step: int, file: int,
            colluders: Colluders, out: Vector) -> None:
        """The gradient that `colluders` gives, alone, as it is."""
        np.copyto(out, colluders()[0])
