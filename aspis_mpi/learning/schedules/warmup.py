"""A learning rate that rises to its value."""

from aspis_mpi.learning.schedule import Schedule, ramp


class WarmUp(Schedule):
    """Rise linearly over the first steps, then stay.

    Parameters
    ----------
    steps : int
        Steps of the run.
    warmup : int
        Steps until the full rate is reached, at most `steps`.

    References
    ----------
    Goyal et al., arXiv 1706.02677, section 2.2.
    """

    name = 'warm-up'

    def __init__(self, steps, *, warmup: int):
        super().__init__(steps)
        if not 1 <= warmup <= steps:
            raise ValueError(f'warmup {warmup} must be between 1 and the '
                             f'number of steps, {steps}')
        self.warmup = warmup

    def factor(self, step):
        return ramp(step, self.warmup)
