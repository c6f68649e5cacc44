"""The base of every optimizer: new parameters from a step's gradient."""

from collections.abc import Mapping
from numbers import Number

import numpy as np

from aspis_mpi.arrays import Array, Vector, norm
from aspis_mpi.learning.schedule import Schedule


class Optimizer:
    """A rule for new parameters from the mean gradient of a step.

    One of your own is a subclass, named in the job file by
    `optimizer.name = "package.module:Class"`; what its constructor takes
    after a * are keys of `[optimizer]`.

    Parameters
    ----------
    n_parameters : int
        d.
    schedule : aspis_mpi.learning.schedule.Schedule
        Its factor multiplies the learning rate.

    Attributes
    ----------
    state : tuple of str
        Attributes that change from step to step: arrays of numbers of a
        fixed shape, also of none, or numbers such as a count of steps.
        Checkpoints have them, and nothing else of the optimizer.

    Examples
    --------
    >>> class Signs(Optimizer):
    ...     state = 'steps',
    ...     def __init__(self, n_parameters, schedule, *, lr: float = 0.01):
    ...         super().__init__(n_parameters, schedule)
    ...         self.lr, self.steps = lr, 0
    ...     def update(self, step, parameters, gradient, out):
    ...         lr = self.lr * self.schedule.factor(step)
    ...         np.sign(gradient, out=out)
    ...         out *= -lr
    ...         out += parameters
    ...         self.steps += 1
    ...         return lr
    """

    state: tuple[str, ...] = ()

    def __init__(self, n_parameters: int, schedule: Schedule):
        self.n_parameters = n_parameters
        self.schedule = schedule

    def update(self, step: int, parameters: Vector, gradient: Vector,
               out: Vector) -> float:
        """Write the parameters after `step` into `out`.

        Parameters
        ----------
        step : int
            Counted from 0.
        parameters, gradient : ndarray of float32, shape (n_parameters,)
            The parameters of the step and the mean gradient per sample;
            neither may be written.
        out : ndarray of float32, shape (n_parameters,)
            Holds anything; all of it is to be written.

        Returns
        -------
        float
            The learning rate of this step, for the log.
        """
        raise NotImplementedError(f'{type(self).__name__}.update')


def check_rates(lr: float, weight_decay: float, clip: float) -> None:
    """Raise a ValueError unless a descent can be made of these numbers."""
    if not 0 < lr < np.inf:
        raise ValueError(f'lr {lr} must be above 0 and finite')
    for name, value in {'weight_decay': weight_decay, 'clip': clip}.items():
        if not 0 <= value < np.inf:
            raise ValueError(f'{name} {value} must be at least 0 and finite')


def shortening(gradient: Vector, clip: float) -> float:
    """Factor of a gradient for norm `clip`, at most 1; without clip for 0."""
    if not clip:
        return 1.0
    length = float(norm(gradient))
    return clip / length if length > clip else 1.0


def check_state(optimizer: Optimizer) -> None:
    """Raise a ValueError unless a checkpoint can keep an optimizer's state."""
    kind = type(optimizer).__name__
    names = getattr(optimizer, 'state', None)
    if not isinstance(names, tuple | list) or not all(
            isinstance(name, str) for name in names):
        raise ValueError(
            f'{kind}.state = {names!r}: must be a tuple of the names of the '
            "attributes that a checkpoint keeps, such as ('velocity',), or "
            'empty; aspis_mpi.learning.optimizer.Optimizer says more')
    for name in names:
        if not hasattr(optimizer, name):
            raise ValueError(f'{kind}.state names {name!r}, which {kind} does '
                             'not have once it is made')
        value = getattr(optimizer, name)
        if not (isinstance(value, Number) or isinstance(
                value, np.ndarray) and value.dtype.kind in 'biufc'):
            raise ValueError(
                f'{kind}.{name} is of type {type(value).__name__}, which no '
                'checkpoint keeps; state must name arrays of numbers, or '
                'numbers')


def state_bytes(optimizer: Optimizer) -> int:
    """Bytes of a checkpoint that an optimizer needs."""
    return sum(np.asarray(getattr(optimizer, name)).nbytes
               for name in optimizer.state)


def exported(optimizer: Optimizer) -> dict[str, Array]:
    """A copy of an optimizer's state, arrays by name."""
    return {name: np.array(getattr(optimizer, name))
            for name in optimizer.state}


def restore(optimizer: Optimizer, state: Mapping[str, Array]) -> None:
    """Make what was exported an optimizer's state again."""
    for name in optimizer.state:
        value = getattr(optimizer, name)
        if isinstance(value, np.ndarray):
            value[...] = state[name]
        else:
            setattr(optimizer, name, type(value)(state[name].item()))
