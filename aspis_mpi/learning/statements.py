"""Statements of a problem on itself, which may be a user's, checked."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from aspis_mpi.errors import Mistake
from aspis_mpi.learning.problem import Problem

#: Characters of all names and texts of `Problem.fingerprints`, at most.
FINGERPRINTS = 1 << 15
#: Parameters or samples, at most.
MOST = 1 << 60


def check_counts(problem: Problem) -> None:
    """Raise a ValueError unless a problem tells its two sizes."""
    kind = type(problem).__name__
    for name in ('n_parameters', 'n_samples'):
        try:
            count = getattr(problem, name)
        except AttributeError as error:
            # One from within a property of the user's keeps its traceback.
            if error.obj is not problem or error.name != name:
                raise
            raise ValueError(f'{kind} has no {name}') from error
        if not isinstance(count, Integral) or count < 1:
            raise ValueError(f'{kind}.{name} = {count!r}: must be an integer, '
                             'at least 1')
        if int(count) > MOST:
            raise ValueError(f'{kind}.{name} must be at most {MOST}, more '
                             'than any machine has memory for')


def fingerprints_of(problem: Problem) -> dict[str, str]:
    """The fingerprints of a problem; a ValueError says what is wrong."""
    told, kind = problem.fingerprints(), type(problem).__name__
    if not isinstance(told, dict) or not all(
            isinstance(word, str) for pair in told.items() for word in pair):
        raise ValueError(f'{kind}.fingerprints gives {type(told).__name__}; '
                         'must be a dict of str to str')
    room = sum(map(len, [*told, *told.values()]))
    if room > FINGERPRINTS:
        raise ValueError(f'{kind}.fingerprints gives {room} characters; must '
                         f'be at most {FINGERPRINTS}: hash several together')
    return told


def sizes_of(problem: Any) -> dict[str, int]:
    """The tensors that a problem names; a Mistake says what is wrong."""
    ask = getattr(problem, 'tensor_sizes', None)
    told = {} if ask is None else ask()
    kind = type(problem).__name__
    if not isinstance(told, Mapping) or not all(
            isinstance(name, str) and isinstance(size, Integral)
            and int(size) >= 0 for name, size in told.items()):
        raise Mistake(f'{kind}.tensor_sizes gives {told!r:.60}; it must give '
                      'a dict of str to int, names and numbers of entries')
    total = sum(told.values())
    if told and total != problem.n_parameters:
        raise Mistake(f'{kind}.tensor_sizes gives {total} entries in all; '
                      f'they must be n_parameters = {problem.n_parameters}')
    return {name: int(size) for name, size in told.items()}
