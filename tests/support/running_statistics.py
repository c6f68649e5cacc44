"""Problems that keep something from call to call, as batch norm does.

Also run by the ranks of real jobs: a job names them
`tests.support.running_statistics:…`.
"""

import numpy as np

from aspis_mpi import Problem


class Normed(Problem):
    """Least squares on inputs that are divided by what a batch shows.

    Gradients use the spread of their own samples, evaluation the running one
    of all gradients that this object has computed: replicas are equal, and
    who evaluates without computing gradients has never seen a sample.
    """

    n_parameters, n_samples = 3, 60

    def __init__(self, seed=None):
        drawn = np.random.default_rng(4)
        self.inputs = drawn.normal(2.0, 5.0, (60, 3)).astype(np.float32)
        self.targets = (self.inputs @ [1, 2, 3]).astype(np.float32)
        self.spread = 1.0

    def initial(self, generator):
        return np.zeros(3, dtype=np.float32)

    def gradient(self, parameters, samples, out):
        inputs = self.inputs[samples]
        spread = float(inputs.std())
        self.spread += 0.1 * (spread - self.spread)
        inputs = inputs / np.float32(spread)
        error = np.einsum('ij,j->i', inputs, parameters) - self.targets[
            samples]
        out += np.einsum('i,ij->j', error, inputs)

    def loss(self, parameters):
        error = self.inputs @ parameters / self.spread - self.targets
        return float(np.mean(error ** 2))


class Drifting(Normed):
    """Gradients that depend on how many were computed before.

    The first ones do not: a problem that is tried before the first step, and
    by the start-up probe, seems to be a right one.
    """

    calls, right = 0, 16

    def gradient(self, parameters, samples, out):
        self.calls += 1
        super().gradient(parameters, samples, out)
        if self.calls > self.right:
            out *= np.float32(1 + self.calls / 64)


class Unseeded(Normed):
    """Data that every object draws for itself."""

    def __init__(self, seed=None):
        super().__init__(seed)
        self.inputs += np.random.normal(0, 1e-3, (60, 3))
