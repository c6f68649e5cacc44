"""A learning rate that falls along a cosine."""

from math import cos, pi

from aspis_mpi.learning.schedule import Schedule, ramp


class Cosine(Schedule):
    """Fall to 0 along half a cosine, after a linear rise if asked.

    Parameters
    ----------
    steps : int
        Steps of the run; the step after the last would have factor 0.
    warmup : int
        Steps of the rise before it, below `steps`.

    References
    ----------
    Loshchilov, Hutter, arXiv 1608.03983, eq. 5, without restarts.
    """

    name = 'cosine'

    def __init__(self, steps, *, warmup: int = 0):
        super().__init__(steps)
        if not 0 <= warmup < steps:
            raise ValueError(f'warmup {warmup} must be at least 0 and below '
                             f'the number of steps, {steps}')
        self.warmup = warmup

    def factor(self, step):
        if step < self.warmup:
            return ramp(step, self.warmup)
        done = (step - self.warmup) / (self.steps - self.warmup)
        return (1 + cos(pi * min(done, 1.0))) / 2
