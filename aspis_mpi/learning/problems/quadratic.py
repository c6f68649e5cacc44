"""An exact problem: every sum of its gradients is an integer."""

from functools import cached_property, lru_cache

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import BLOCK, blocks, sealed
from aspis_mpi.learning.problem import Problem

#: Entries of the samples and rounded parameters are at most this.
REACH = 100


class Quadratic(Problem):
    """Integer least squares of any size, for tests of exactness and scale.

    The gradient of sample s is round(w) - x_s with integers |x| <= 100 and
    round(w) clipped to +-100.  A sum of up to 2^16 of them is an integer
    below 2^24, which float32 holds exactly: files, batches and honest
    averages have the same bits in whatever order they were added.

    Parameters
    ----------
    seed : int
        The seed of the job.
    parameters : int
        d.

    Notes
    -----
    The samples cost no n·d memory: sample s is entries s to s + d - 1 of
    one pool of random integers.  `gradient` of n samples makes n + 1 passes
    over `out`.
    """

    name = 'quadratic'
    n_samples = 20_000

    def __init__(self, seed, *, parameters: int = 1000):
        if parameters < 1:
            raise ValueError(f'parameters {parameters} must be at least 1')
        self.seed = seed
        self.n_parameters = parameters
        self.data_bytes = 4 * (self.n_samples + parameters)

    @cached_property
    def pool(self):
        """Integers from -100 to 100, float32, (n_samples + d - 1,)."""
        return _pool(self.seed, self.n_samples + self.n_parameters - 1)

    def initial(self, generator):
        """Uniform between -100 and 100; the minimum is near 0."""
        parameters = generator.random(self.n_parameters, dtype=np.float32)
        parameters -= 0.5
        parameters *= 2 * REACH
        return parameters

    def gradient(self, parameters, samples, out):
        pool, starts = self.pool, np.asarray(samples).tolist()
        scratch = np.empty(min(BLOCK, self.n_parameters), dtype=np.float32)
        for part in blocks(self.n_parameters):
            # n·round(w), then minus one sample after the other.
            total = out[part]
            rounded = np.rint(parameters[part], out=scratch[:total.size])
            np.clip(rounded, -REACH, REACH, out=rounded)
            rounded *= len(starts)
            total += rounded
            for start in starts:
                total -= pool[start + part.start:start + part.stop]

    def loss(self, parameters):
        """Mean over the coordinates of (w - mean x)²/2, 0 at the minimum.

        In blocks, in float64; O(d) time, no temporary of size d.
        """
        total, n = 0.0, self.n_samples
        for part in blocks(self.n_parameters):
            # Sums of n neighbours are differences of cumulative sums.
            sums = np.cumsum(self.pool[part.start:part.stop + n - 1],
                             dtype=np.float64)
            windows = sums[n - 1:].copy()
            windows[1:] -= sums[:-n]
            with np.errstate(over='ignore', invalid='ignore'):
                away = parameters[part] - windows / n
                total += np.dot(away, away)
        return float(total / 2 / self.n_parameters)


@lru_cache(maxsize=1)
def _pool(seed, size):
    """The random integers, drawn once for all ranks of a simulation."""
    drawn = streams.generator(seed, 'quadratic', 'pool')
    return sealed(drawn.integers(-REACH, REACH, size, dtype=np.int8,
                                 endpoint=True).astype(np.float32))
