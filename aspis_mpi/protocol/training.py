"""The parameters, and what a step makes of them."""

import numpy as np

from aspis_mpi import arrays


class Training:
    """Parameters that an optimizer moves along the gradient of each step.

    Parameters
    ----------
    optimizer : Optimizer
    pool : Pool
        Buffers for the parameters: those of the last step are still on
        their way when new ones are made.
    initial : ndarray of float32, shape (d,)

    Attributes
    ----------
    parameters : Buffer
    gradient : ndarray of float32, shape (d,)
        Receives the mean gradient of a step.
    """

    def __init__(self, optimizer, pool, initial):
        self.parameters = pool.take()
        self.parameters.values[:] = initial
        self.gradient = np.empty(pool.size, dtype=np.float32)
        self._optimizer = optimizer
        self._pool = pool

    def export(self):
        """Parameters and the optimizer's state: copies, by name."""
        state = {name: getattr(self._optimizer, name).copy()
                 for name in self._optimizer.state}
        return self.parameters.values.copy(), state

    def restore(self, parameters, state):
        """What was exported counts again."""
        self.parameters.values[:] = parameters
        for name in self._optimizer.state:
            getattr(self._optimizer, name)[:] = state[name]

    def update(self, step):
        """New parameters; the learning rate and the gradient's norm."""
        fresh = self._pool.take()
        lr = self._optimizer.update(step, self.parameters.values,
                                    self.gradient, fresh.values)
        self.parameters.release()
        self.parameters = fresh
        return lr, arrays.quick_norm(self.gradient)

    def keep(self):
        """The same parameters again, for another header."""
        fresh = self._pool.take()
        fresh.values[:] = self.parameters.values
        self.parameters.release()
        self.parameters = fresh
        return np.nan, np.nan
