"""The guard around a problem: every call of it goes through here."""

import warnings
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from aspis_mpi.arrays import equal_bits
from aspis_mpi.detection.tensors import Tensors
from aspis_mpi.errors import Mistake
from aspis_mpi.learning.guard.mistake import described, number, plain, raised
from aspis_mpi.learning.guard.writes import WriteCheck, read_only
from aspis_mpi.learning.problem import Problem, Score
from aspis_mpi.learning.statements import sizes_of


class Guard:
    """A problem whose mistakes are told, in its place.

    Parameters are handed over as read-only views and looked at afterwards
    (see `WriteCheck`), what a method answers is checked, and an exception
    becomes a `Mistake` with the user's own lines.

    Parameters
    ----------
    problem : Problem
    full : bool
        See `WriteCheck`: on rank 0, and where workers share its memory.
    rehearsal : callable, optional
        Given the guard, and step, parameters and samples of the first
        gradient: what is tried before that, on ranks before which nobody
        has.

    Attributes
    ----------
    problem : Problem
    name : str
        What its class is called.
    prepares : bool
        Whether it has a `begin` of its own.
    """

    def __init__(self, problem, full=False, rehearsal=None):
        # What torch says of views that are read-only, once a process.
        warnings.filterwarnings('ignore', category=UserWarning, message=(
            'The given NumPy array is not writ(e)?able'))
        self.problem = problem
        self._full = full
        self._rehearsal = rehearsal
        self.name = type(problem).__name__
        self._check = WriteCheck(full)
        self._known = None
        begin = getattr(problem, 'begin', None)
        self.prepares = getattr(begin, '__func__', begin) not in (
            None, Problem.begin)

    def of_server(self):
        """The guard around the same problem with rank 0's bits."""
        problem = self.problem.of_server()
        return self if problem is self.problem else Guard(
            problem, self._full)

    def flipped(self):
        """The guard around the same problem with flipped labels."""
        return Guard(self.problem.flipped(), self._full)

    @cached_property
    def tensors(self):
        """The named tensors of a gradient, `Tensors`.

        Raises
        ------
        Mistake
        """
        try:
            return Tensors(sizes_of(self.problem))
        except Mistake:
            raise
        except (Exception, SystemExit) as error:
            raise raised(f'{self.name}.tensor_sizes', error) from error

    def gradient(self, step, parameters, samples, out):
        """Add the gradients of a micro-batch of a step to `out`.

        Every gradient of a run is computed here: `begin`, where the problem
        has one, and then `gradient`; see `Problem`.

        Raises
        ------
        Mistake
        """
        if self._rehearsal is not None:
            rehearsal, self._rehearsal = self._rehearsal, None
            rehearsal(self, step, parameters, samples)
        if self.prepares:
            self._begin(step, samples)
        # Few calls of functions: many ranks share a core, whose caches have
        # forgotten what they run.
        kept, check = None, self._check
        if parameters.size <= check.short:
            kept = parameters.tobytes()
        else:
            check.begin(parameters)
        view = parameters.view()
        view.flags.writeable = False
        try:
            said = self.problem.gradient(view, samples, out)
        except (Exception, SystemExit) as error:
            raise raised(f'{self.name}.gradient', error) from error
        if said is not None:
            raise Mistake(
                f'{self.name}.gradient returns {described(said)}; it must '
                'add to out (out += ...) and return nothing')
        if kept is None:
            written = check.written(parameters)
        else:
            written = parameters.tobytes() != kept
            if written:
                parameters[:] = np.frombuffer(kept, parameters.dtype)
        if written:
            raise self._wrote('gradient')

    def _begin(self, step, samples):
        try:
            said = self.problem.begin(step, read_only(samples))
        except (Exception, SystemExit) as error:
            raise raised(f'{self.name}.begin', error) from error
        if said is not None:
            raise Mistake(f'{self.name}.begin returns {described(said)}; it '
                          'must return nothing')

    def _wrote(self, method):
        return Mistake(f'{self.name}.{method} writes parameters; it must '
                       'compute with a copy (parameters.copy(), or '
                       'torch.tensor(parameters), not torch.from_numpy)')

    def _ask(self, method, parameters):
        """The answer of a method that must not write its parameters."""
        check = WriteCheck(True)
        check.begin(parameters)
        try:
            said = getattr(self.problem, method)(read_only(parameters))
        except (Exception, SystemExit) as error:
            raise raised(f'{self.name}.{method}', error) from error
        if check.written(parameters):
            raise self._wrote(method)
        return said

    def initial(self, generator):
        """The parameters before the first step, float32 (d,)."""
        try:
            said = self.problem.initial(generator)
        except (Exception, SystemExit) as error:
            raise raised(f'{self.name}.initial', error) from error
        return checked_initial(self.problem, said)

    def loss(self, parameters):
        """Mean loss over all training samples, a float."""
        said = self._ask('loss', parameters)
        loss = number(said)
        if loss is None:
            raise Mistake(f'{self.name}.loss returns {described(said)}; it '
                          'must return one number, the mean loss')
        return loss

    def evaluate(self, parameters):
        """The `Score` on held-out samples; what is `known` once only."""
        known, self._known = self._known, None
        if known is not None and equal_bits(known[0], parameters):
            return known[1]
        if getattr(type(self.problem), 'evaluate', None) is Problem.evaluate:
            return Score(self.loss(parameters))
        said = self._ask('evaluate', parameters)
        loss = number(getattr(said, 'loss', None))
        accuracy = number(getattr(said, 'accuracy', None))
        if loss is None or accuracy is None:
            raise Mistake(f'{self.name}.evaluate returns {_scored(said)}; it '
                          'must return aspis_mpi.Score(loss, accuracy), of '
                          'two numbers')
        if not (np.isnan(accuracy) or 0 <= accuracy <= 1):
            raise Mistake(f'{self.name}.evaluate gives an accuracy of '
                          f'{accuracy:g}; it must be a share, from 0 to 1')
        return Score(loss, accuracy)

    def know(self, parameters, score):
        """The score of some parameters, for when it is next asked for."""
        self._known = parameters, score

    def export(self, parameters):
        """The arrays of the saved model, dict of str to ndarray."""
        said = self._ask('export', parameters)
        if not isinstance(said, Mapping):
            raise Mistake(f'{self.name}.export returns {described(said)}; it '
                          'must return a dict of arrays by name')
        return {key: self._exported(key, value)
                for key, value in said.items()}

    def _exported(self, key, value):
        if not isinstance(key, str) or not key:
            raise Mistake(f'{self.name}.export has the key {key!r}; keys '
                          'must be words, the names of the arrays')
        try:
            array = plain(value)
        except (ValueError, TypeError, RuntimeError) as error:
            raise Mistake(f'{self.name}.export: {key!r} is '
                          f'{described(value)}, of which no array can be '
                          f'made: {error}') from error
        if array.dtype.hasobject:
            raise Mistake(f'{self.name}.export: {key!r} is '
                          f'{described(value)}; it must be an array of '
                          'numbers')
        # Types that others have added, such as bfloat16, numpy writes and
        # does not read.
        return array.astype(np.float32) if (
            array.dtype.isbuiltin == 2) else array


def _scored(said):
    """The answer of `evaluate`, with the parts of a score."""
    if not hasattr(said, 'loss'):
        return described(said)
    return (f'a {type(said).__name__} of {described(said.loss)} and '
            f'{described(getattr(said, "accuracy", None))}')


def checked_initial(problem, said):
    """A vector that can be a problem's parameters, float32 (d,).

    Raises
    ------
    Mistake
    """
    name, wanted = type(problem).__name__, (
        f'must be float32 of shape ({problem.n_parameters},)')
    try:
        array = plain(said)
    except (ValueError, TypeError, RuntimeError) as error:
        raise Mistake(f'{name}.initial gives {described(said)}; {wanted}: '
                      f'{error}') from error
    if array.shape != (problem.n_parameters,) or array.dtype.kind not in (
            'biuf'):
        raise Mistake(f'{name}.initial gives {array.dtype} of shape '
                      f'{array.shape}; {wanted}')
    with np.errstate(over='ignore', invalid='ignore'):
        array = np.array(array, dtype=np.float32)
    wrong = np.flatnonzero(~np.isfinite(array))
    if wrong.size:
        raise Mistake(f'{name}.initial gives {wrong.size} parameters that '
                      f'are not finite as float32, the first is number '
                      f'{wrong[0]}; all must be')
    return array
