"""Stochastic gradient descent with momentum, on blocks of coordinates."""

import numpy as np

from aspis_mpi.arrays import blocks
from aspis_mpi.learning.optimizer import (
    Optimizer, check_rates, shortening)


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, decay and clipping.

    With g the mean gradient, clipped to norm `clip`, and η the learning
    rate of the step:

        u = g + weight_decay·w,    v ← momentum·v + u,    w ← w - η·v,

    and with Nesterov's momentum w ← w - η·(u + momentum·v), which is
    `torch.optim.SGD` after `clip_grad_norm_`.

    Parameters
    ----------
    n_parameters : int
        d.
    schedule : aspis_mpi.learning.schedule.Schedule
        Its factor multiplies `lr`.
    lr : float
        Learning rate before the schedule, above 0.
    momentum : float
        From 0 to below 1.
    nesterov : bool
        Whether the gradient counts where momentum leads; needs momentum.
    weight_decay : float
        At least 0.
    clip : float
        Largest Euclidean norm of the gradient; 0 does not clip.

    Attributes
    ----------
    velocity : ndarray of float32, shape (n_parameters,)
        v, stays 0 without momentum.
    """

    name = 'sgd'

    state = ('velocity',)

    def __init__(self, n_parameters, schedule, *, lr: float = 0.1,
                 momentum: float = 0.9, nesterov: bool = False,
                 weight_decay: float = 0.0, clip: float = 0.0):
        check_rates(lr, weight_decay, clip)
        if not 0 <= momentum < 1:
            raise ValueError(
                f'momentum {momentum} must be at least 0 and below 1')
        if nesterov and not momentum:
            raise ValueError(f'momentum {momentum} must be above 0 with '
                             'nesterov')
        super().__init__(n_parameters, schedule)
        self.lr = lr
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.clip = clip
        self.velocity = np.zeros(n_parameters, dtype=np.float32)

    def update(self, step, parameters, gradient, out):
        lr = self.lr * float(self.schedule.factor(step))
        scale = shortening(gradient, self.clip)
        for part in blocks(gradient.size):
            slope = gradient[part] if scale == 1 else scale * gradient[part]
            if self.weight_decay:
                slope = slope + self.weight_decay * parameters[part]
            if self.momentum:
                slope = self._led(slope, self.velocity[part])
            np.multiply(slope, -lr, out=out[part])
            out[part] += parameters[part]
        return lr

    def _led(self, slope, velocity):
        """Direction in which momentum leads, for one block."""
        velocity *= self.momentum
        velocity += slope
        return (slope + self.momentum * velocity if self.nesterov
                else velocity)
