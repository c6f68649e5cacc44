"""The base of every schedule: a factor of the learning rate for each step."""


class Schedule:
    """The factor by which a step's learning rate differs from `lr`.

    Parameters
    ----------
    steps : int
        Steps of the run.
    """

    def __init__(self, steps: int):
        if steps < 1:
            raise ValueError(f'steps {steps} must be at least 1')
        self.steps = steps

    def factor(self, step: int) -> float:
        """A float, from 0 to 1.

        Parameters
        ----------
        step : int
            Counted from 0.
        """
        raise NotImplementedError(f'{type(self).__name__}.factor')


def ramp(step: int, warmup: int) -> float:
    """The linear way up: 1/warmup at step 0, 1 from step warmup - 1 on.

    >>> [ramp(step, 4) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return min(1.0, (step + 1) / warmup) if warmup else 1.0
