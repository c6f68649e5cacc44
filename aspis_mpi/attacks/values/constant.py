"""The same number everywhere."""

import numpy as np

from aspis_mpi.attacks.scaled import Scaled


class Constant(Scaled):
    """A mean gradient whose entries are all -`scale`."""

    name = 'constant'

    def lie(self, honest, n_samples, step, file, colluders, out):
        """-scale for each sample."""
        out.fill(np.float32(-self.scale * n_samples))
