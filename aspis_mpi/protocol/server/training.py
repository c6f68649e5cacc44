"""The parameters, and their update by a step."""

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.learning.guard.optimizer import Steering
from aspis_mpi.learning.optimizer import exported, restore


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
    settled : bool
        Whether no update is going on.
    """

    def __init__(self, optimizer, pool, initial):
        self.parameters = pool.take()
        self.parameters.values[:] = initial
        self.settled = True
        self.gradient = np.empty(pool.size, dtype=np.float32)
        self._steering = Steering(optimizer)
        self._pool = pool

    @property
    def overflowed(self):
        """True if the last update has left the range of float32."""
        return self._steering.overflowed

    def export(self):
        """Parameters and the optimizer's state: copies, by name."""
        return (self.parameters.values.copy(),
                exported(self._steering.optimizer))

    def restore(self, parameters, state):
        """Take back what was exported."""
        self.parameters.values[:] = parameters
        restore(self._steering.optimizer, state)

    def update(self, step):
        """New parameters; the learning rate and the gradient's norm."""
        fresh, self.settled = self._pool.take(), False
        lr = self._steering.update(step, self.parameters.values,
                                   self.gradient, fresh.values)
        self.settled = True
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
