"""A learning rate that drops at given steps."""

from bisect import bisect_right

from aspis_mpi.learning.schedule import Schedule


class Step(Schedule):
    """Multiply the learning rate by gamma at each milestone.

    Parameters
    ----------
    steps : int
        Steps of the run.
    milestones : list of int
        Steps, ascending, from which on the rate is smaller.
    gamma : float
        Above 0, at most 1.
    """

    name = 'step'

    def __init__(self, steps, *, milestones: list[int], gamma: float = 0.1):
        super().__init__(steps)
        if any(milestone < 1 for milestone in milestones):
            raise ValueError(f'milestones {milestones} must be at least 1')
        if any(b <= a for a, b in zip(milestones, milestones[1:])):
            raise ValueError(f'milestones {milestones} must ascend')
        if not 0 < gamma <= 1:
            raise ValueError(f'gamma {gamma} must be above 0 and at most 1')
        self.milestones = list(milestones)
        self.gamma = gamma

    def factor(self, step):
        return self.gamma ** bisect_right(self.milestones, step)
