"""No lie at all."""

import numpy as np

from aspis_mpi.attacks.value import Value


class Honest(Value):
    """The true gradient, whatever `files` says.

    For adversaries that lie about something else, such as time.

    Parameters
    ----------
    seed
        See `Value`.
    """

    name = 'honest'
    lies = False

    def forge(self, honest, n_samples, step, file, colluders, out):
        """Copy."""
        np.copyto(out, honest)
