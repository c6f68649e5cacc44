"""Adam's step, from running means of the gradient and of its square."""

import numpy as np

from aspis_mpi.arrays import BLOCK, blocks
from aspis_mpi.learning.optimizer import (
    Optimizer, check_rates, shortening)


class Moments(Optimizer):
    """Common part of Adam and its variants: all but the decay.

    With g the gradient of the n-th update, clipped to norm `clip`, and η the
    learning rate of the step:

        m ← β₁·m + (1 - β₁)·g,    v ← β₂·v + (1 - β₂)·g²,
        w ← w - η/(1 - β₁ⁿ) · m / (√(v/(1 - β₂ⁿ)) + eps).

    Parameters
    ----------
    n_parameters : int
        d.
    schedule : aspis_mpi.learning.schedule.Schedule
        Its factor multiplies `lr`.
    lr : float
        Learning rate before the schedule, above 0.
    betas : tuple of float
        β₁ and β₂, each from 0 to below 1.
    eps : float
        Above 0 as float32, so that what has no gradient stays.
    weight_decay : float
        At least 0.
    clip : float
        Largest Euclidean norm of the gradient; 0 does not clip.

    Attributes
    ----------
    updates : int
        n, of those that were made: a step may make none.
    mean, square : ndarray of float32, shape (n_parameters,)
        m and v.
    """

    state = ('updates', 'mean', 'square')

    def __init__(self, n_parameters, schedule, *, lr: float = 1e-3,
                 betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0.0,
                 clip: float = 0.0):
        check_rates(lr, weight_decay, clip)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f'betas {list(betas)} must each be at least 0 '
                             'and below 1')
        with np.errstate(over='ignore'):
            single = np.float32(eps)
        if not (eps > 0 and 0 < single < np.inf):
            raise ValueError(f'eps {eps} must be above 0 and finite as '
                             'float32')
        super().__init__(n_parameters, schedule)
        self.lr = lr
        self.betas = tuple(betas)
        self.eps = eps
        self.weight_decay = weight_decay
        self.clip = clip
        self.updates = 0
        self.mean = np.zeros(n_parameters, dtype=np.float32)
        self.square = np.zeros(n_parameters, dtype=np.float32)

    def slope(self, gradient, parameters):
        """The gradient of a block with what decay adds to it."""
        return gradient

    def shrink(self, lr):
        """Factor of the parameters in a step, for decay without moments."""
        return 1.0

    def update(self, step, parameters, gradient, out):
        lr = self.lr * float(self.schedule.factor(step))
        scale = shortening(gradient, self.clip)
        keep, self.updates = self.shrink(lr), self.updates + 1
        scratch = np.empty(min(BLOCK, gradient.size), dtype=np.float32)
        for part in blocks(gradient.size):
            slope = gradient[part] if scale == 1 else scale * gradient[part]
            slope = self.slope(slope, parameters[part])
            self._ahead(slope, part, scratch[:slope.size], lr, out[part])
            if keep == 1:
                out[part] += parameters[part]
            else:
                out[part] += np.multiply(parameters[part], keep,
                                         out=scratch[:slope.size])
        return lr

    def _ahead(self, slope, part, scratch, lr, out):
        """Take a block's slope into the moments, and its step into `out`."""
        (first, second), n = self.betas, self.updates
        mean, square = self.mean[part], self.square[part]

        # m ← m + (1 - β₁)(g - m), v ← β₂ v + (1 - β₂) g².
        np.subtract(slope, mean, out=scratch)
        scratch *= 1 - first
        mean += scratch
        np.multiply(slope, slope, out=scratch)
        scratch *= 1 - second
        square *= second
        square += scratch

        # -η/(1 - β₁ⁿ) · m / (√v/√(1 - β₂ⁿ) + eps).
        np.sqrt(square, out=out)
        out /= (1 - second ** n) ** 0.5
        out += self.eps
        np.divide(mean, out, out=out)
        out *= -lr / (1 - first ** n)
