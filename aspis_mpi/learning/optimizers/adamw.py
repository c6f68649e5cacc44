"""Adam with weight decay beside the gradient."""

from aspis_mpi.learning.moments import Moments


class AdamW(Moments):
    """Adam with decoupled weight decay: w shrinks by η·weight_decay first.

    `torch.optim.AdamW` after `clip_grad_norm_`; η is the learning rate of
    the step, after the schedule.

    Parameters
    ----------
    n_parameters, schedule, lr, betas, eps, weight_decay, clip
        As in `Moments`.

    References
    ----------
    Loshchilov, Hutter, arXiv 1711.05101, algorithm 2.
    """

    name = 'adamw'

    def __init__(self, n_parameters, schedule, *, lr: float = 1e-3,
                 betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0.01,
                 clip: float = 0.0):
        super().__init__(n_parameters, schedule, lr=lr, betas=betas, eps=eps,
                         weight_decay=weight_decay, clip=clip)

    def shrink(self, lr):
        return 1 - lr * self.weight_decay
