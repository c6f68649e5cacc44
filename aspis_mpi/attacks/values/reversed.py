"""The gradient turned round."""

import numpy as np

from aspis_mpi.attacks.scaled import Scaled


class Reversed(Scaled):
    """The true gradient times -`scale`."""

    name = 'reversed'

    def lie(self, honest, n_samples, step, file, colluders, out):
        """-scale * g."""
        np.multiply(honest, np.float32(-self.scale), out=out)
