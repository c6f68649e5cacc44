"""The guard around an optimizer and its schedule."""

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.errors import Mistake
from aspis_mpi.learning.guard.mistake import described, number, raised
from aspis_mpi.learning.guard.writes import LOOKS, SHORT, WriteCheck, read_only
from aspis_mpi.learning.optimizer import check_state, exported, restore

#: Bits of a number that no computing gives: what has them was not written.
MARK = np.uint32(0x7fc5a57e)
#: Steps whose factors are looked at before the first one, at most.
FACTORS = 100
#: Numbers of which the gradient of the trial is made.
PATTERN = 4099


class Steering:
    """An optimizer whose mistakes are told, in its place.

    Parameters
    ----------
    optimizer : Optimizer

    Attributes
    ----------
    overflowed : bool
        Whether the last update has left the range of float32.
    """

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.overflowed = False
        self._name = f'{type(optimizer).__name__}.update'
        self._checks = WriteCheck(), WriteCheck()
        # Those of this package are tested as such.
        self._trusted = all(
            type(part).__module__.startswith('aspis_mpi.')
            for part in (optimizer, getattr(optimizer, 'schedule', None)))

    def update(self, step, parameters, gradient, out):
        """Write new parameters into `out`; the learning rate, a float.

        Raises
        ------
        Mistake
        """
        if self._trusted:
            return self._asked(step, parameters, gradient, out)
        read = parameters, gradient
        for check, vector in zip(self._checks, read):
            check.begin(vector)
        marked = self._marked(step, out)
        marked[:] = MARK
        said = self._asked(step, parameters, gradient, out)
        for check, vector, word in zip(self._checks, read,
                                       ('parameters', 'gradient')):
            if check.written(vector):
                raise Mistake(f'{self._name} writes {word}; it must write '
                              'out alone')
        lr = number(said)
        if lr is None or not np.isfinite(lr):
            self._check_schedule(step)
            raise Mistake(
                f'{self._name} returns {described(said)}; it must write the '
                "new parameters into out and return the step's learning "
                'rate, a finite number')
        left = np.count_nonzero(marked == MARK)
        if left:
            raise Mistake(
                f'{self._name} leaves {left} of {marked.size} entries of out '
                'that were looked at as they were; it must write all of out, '
                'whatever that holds (out[:] = ..., not out = ...)')
        return lr

    def _marked(self, step, out):
        """Entries of `out` that tell whether it is written, as bits."""
        distance = 1 if out.size <= SHORT else out.size // LOOKS
        return out.view(np.uint32)[step * 7919 % distance::distance]

    def _asked(self, step, parameters, gradient, out):
        self.overflowed = False
        try:
            with np.errstate(over='call', invalid='ignore',
                             call=self._overflow):
                return self.optimizer.update(
                    step, read_only(parameters), read_only(gradient), out)
        except (Exception, SystemExit) as error:
            self._check_schedule(step)
            raise raised(self._name, error) from error

    def _overflow(self, kind, flag):
        self.overflowed = True

    def _check_schedule(self, step):
        """Find out whether it is the schedule that is wrong."""
        schedule = getattr(self.optimizer, 'schedule', None)
        if schedule is not None:
            check_factor(schedule, step)


def check_factor(schedule, step):
    """Raise a `Mistake` unless a step has a factor."""
    name = f'{type(schedule).__name__}.factor'
    try:
        said = schedule.factor(step)
    except (Exception, SystemExit) as error:
        raise raised(name, error) from error
    factor = number(said)
    if factor is None or not 0 <= factor < np.inf:
        raise Mistake(f'{name} of step {step} is {described(said)}; it must '
                      'be a finite number, at least 0')


def try_schedule(schedule, steps):
    """Look at some of a schedule's factors, the first and last among them."""
    for step in np.unique(np.linspace(0, steps - 1, FACTORS).astype(int)):
        check_factor(schedule, int(step))


def try_optimizer(make, parameters, steps):
    """Make some updates with optimizers that are not the run's.

    Parameters
    ----------
    make : callable
        Answers a new optimizer.
    parameters : ndarray of float32, shape (d,)
    steps : int
        Of the run.

    Raises
    ------
    Mistake
    """
    one, schedule = make()
    try_schedule(schedule, steps)
    gradient = _pattern(parameters.size)
    first = _updated(one, 0, parameters, gradient)
    _check_whole(one, first)
    state = _kept(one)
    second = _updated(one, 1, first, gradient)
    _kept(one)

    # One that goes on from a checkpoint must do the same.
    other, _ = make()
    try:
        restore(other, state)
    except (ValueError, TypeError) as error:
        raise Mistake(f'{type(one).__name__}.state cannot be put back when a '
                      f'run goes on: {error}') from error
    if not arrays.equal_bits(second, _updated(other, 1, first, gradient)):
        raise Mistake(
            f'{type(one).__name__}.update does something else when it goes '
            f'on from its state, {tuple(one.state)}, after one step; state '
            'must name everything that changes from step to step')


def _pattern(size):
    """A gradient of which no two neighbours are alike, at little cost."""
    return np.resize(np.sin(np.arange(1, PATTERN + 1)).astype(np.float32),
                     size)


def _updated(optimizer, step, parameters, gradient):
    out = np.full_like(parameters, np.nan)
    Steering(optimizer).update(step, parameters, gradient, out)
    return out


def _check_whole(optimizer, out):
    wrong = np.count_nonzero(np.isnan(out))
    if wrong:
        raise Mistake(
            f'{type(optimizer).__name__}.update leaves {wrong} of '
            f'{out.size} entries of out as they were, or makes them nan; it '
            'must write all of out with numbers, whatever that holds')


def _kept(optimizer):
    """The state, which must be one that a checkpoint keeps."""
    try:
        check_state(optimizer)
    except ValueError as error:
        raise Mistake(str(error)) from error
    return exported(optimizer)
