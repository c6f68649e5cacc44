"""Stochastic gradient descent with momentum, on blocks of coordinates."""

import numpy as np

from aspis_mpi.arrays import blocks, norm
from aspis_mpi.learning.optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, decay and clipping.

    With g the mean gradient, clipped to norm `clip`, and η the learning
    rate of the step:

        v ← momentum·v + g + weight_decay·w,    w ← w - η·v,

    which is `torch.optim.SGD` after `clip_grad_norm_`.

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
                 momentum: float = 0.9, weight_decay: float = 0.0,
                 clip: float = 0.0):
        if not 0 < lr < np.inf:
            raise ValueError(f'lr {lr} must be above 0 and finite')
        if not 0 <= momentum < 1:
            raise ValueError(
                f'momentum {momentum} must be at least 0 and below 1')
        if not 0 <= weight_decay < np.inf:
            raise ValueError(f'weight_decay {weight_decay} must be at least '
                             f'0 and finite')
        if not 0 <= clip < np.inf:
            raise ValueError(f'clip {clip} must be at least 0 and finite')
        super().__init__(n_parameters, schedule)
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.clip = clip
        self.velocity = np.zeros(n_parameters, dtype=np.float32)

    def update(self, step, parameters, gradient, out):
        lr = self.lr * float(self.schedule.factor(step))
        scale = self._scale(gradient)
        for part in blocks(gradient.size):
            slope = gradient[part] if scale == 1 else scale * gradient[part]
            if self.weight_decay:
                slope = slope + self.weight_decay * parameters[part]
            if self.momentum:
                velocity = self.velocity[part]
                velocity *= self.momentum
                velocity += slope
                slope = velocity
            np.multiply(slope, -lr, out=out[part])
            out[part] += parameters[part]
        return lr

    def _scale(self, gradient):
        """The factor, at most 1, that shortens the gradient to norm `clip`."""
        if not self.clip:
            return 1.0
        length = float(norm(gradient))
        return self.clip / length if length > self.clip else 1.0
