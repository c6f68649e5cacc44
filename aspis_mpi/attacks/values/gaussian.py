"""Noise in the place of a gradient."""

import numpy as np

from aspis_mpi import streams
from aspis_mpi.attacks.value import Value
from aspis_mpi.checks import check_positive


class Gaussian(Value):
    """Normal noise around 0, of another draw for each step and file.

    Parameters
    ----------
    seed
        See `Value`.
    deviation : float
        Standard deviation of each entry of a mean gradient, above 0.

    References
    ----------
    Blanchard, El Mhamdi, Guerraoui, Stainer, "Machine learning with
    adversaries: Byzantine tolerant gradient descent", NeurIPS 2017, section
    6, with a deviation of 200.
    """

    name = 'gaussian'

    def __init__(self, seed, *, deviation: float = 200.0):
        super().__init__(seed)
        check_positive('deviation', deviation)
        self.deviation = deviation

    def lie(self, honest, n_samples, step, file, colluders, out):
        """Draw, for each sample of the file the same."""
        rng = streams.generator(self.seed, 'gaussian', step, file)
        rng.standard_normal(dtype=np.float32, out=out)
        np.multiply(out, np.float32(self.deviation * n_samples), out=out)
