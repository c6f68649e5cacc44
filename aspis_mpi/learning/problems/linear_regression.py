"""Least squares on seeded data with noise."""

from functools import cached_property, lru_cache

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import sealed
from aspis_mpi.learning.problem import Problem, Score

#: Of twenty times as much the square is still a float32.
LOUDEST = 1e17


class LinearRegression(Problem):
    """Least squares on Gaussian data with noise, and samples held out.

    The loss of a sample (x, y) is (x·w - y)²/2 with x and the true w
    standard normal, y = x·w + noise·N(0, 1).  At the true w the loss is
    noise²/2.

    Parameters
    ----------
    seed : int
        The seed of the job, from which the data are drawn.
    samples : int
        Number of training samples; a fifth as many are held out.
    parameters : int
        d.
    noise : float
        Standard deviation of the noise, at most 1e17.
    """

    name = 'linear-regression'

    def __init__(self, seed, *, samples: int = 1000, parameters: int = 100,
                 noise: float = 0.1):
        if samples < 1:
            raise ValueError(f'samples {samples} must be at least 1')
        if parameters < 1:
            raise ValueError(f'parameters {parameters} must be at least 1')
        if not 0 <= noise <= LOUDEST:
            raise ValueError(f'noise {noise} must be between 0 and {LOUDEST}')
        self.seed = seed
        self.n_samples = samples
        self.n_parameters = parameters
        self.noise = noise
        self.data_bytes = 4 * (samples + max(1, samples // 5)) * parameters

    @cached_property
    def data(self):
        """Inputs (n, d) and targets (n,), float32, the held-out ones last."""
        n = self.n_samples + max(1, self.n_samples // 5)
        return _drawn(self.seed, n, self.n_parameters, self.noise)

    def initial(self, generator):
        """Standard normal, independent of the true parameters."""
        return generator.standard_normal(self.n_parameters, np.float32)

    def gradient(self, parameters, samples, out):
        inputs, targets = self.data
        inputs = inputs[samples]
        with np.errstate(over='ignore', invalid='ignore'):
            out += (inputs @ parameters - targets[samples]) @ inputs

    def loss(self, parameters):
        return self._loss(parameters, slice(self.n_samples))

    def evaluate(self, parameters):
        return Score(self._loss(parameters, slice(self.n_samples, None)))

    def _loss(self, parameters, part):
        inputs, targets = self.data
        with np.errstate(over='ignore', invalid='ignore'):
            error = inputs[part] @ parameters - targets[part]
            return float(np.mean(error ** 2, dtype=np.float64) / 2)


@lru_cache(maxsize=1)
def _drawn(seed, n, n_parameters, noise):
    """Inputs and targets of all samples, drawn once for a simulation."""
    drawn = streams.generator(seed, 'linear-regression')
    inputs = drawn.standard_normal((n, n_parameters), np.float32)
    truth = drawn.standard_normal(n_parameters, np.float32)
    targets = inputs @ truth + np.float32(noise) * drawn.standard_normal(
        n, np.float32)
    return sealed(inputs), sealed(targets)
