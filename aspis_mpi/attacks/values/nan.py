"""No number at all."""

import numpy as np

from aspis_mpi.attacks.value import Value


class NotANumber(Value):
    """NaN in every entry.

    Parameters
    ----------
    seed
        See `Value`.
    """

    name = 'nan'

    def lie(self, honest, n_samples, step, file, colluders, out):
        """NaN everywhere."""
        out.fill(np.nan)
