"""Adam, whose weight decay is part of the gradient."""

from aspis_mpi.learning.moments import Moments


class Adam(Moments):
    """Adam: a step for each coordinate, from running means of its gradient.

    `torch.optim.Adam` after `clip_grad_norm_`; `weight_decay`·w is added to
    the gradient, and so goes through the means.

    Parameters
    ----------
    n_parameters, schedule, lr, betas, eps, weight_decay, clip
        As in `Moments`.

    References
    ----------
    Kingma, Ba, arXiv 1412.6980, algorithm 1.
    """

    name = 'adam'

    def slope(self, gradient, parameters):
        if not self.weight_decay:
            return gradient
        return gradient + self.weight_decay * parameters
