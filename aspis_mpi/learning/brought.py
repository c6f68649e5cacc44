"""Problems that a caller brings: an object, or what makes one."""

import copy
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

from aspis_mpi.learning.problem import Problem


def makes(problem: Any) -> TypeGuard[Callable[..., Any]]:
    """Tell whether a caller brings a maker of problems, class or function."""
    return isinstance(problem, type) or not hasattr(problem, 'gradient')


def title(problem: Any) -> str:
    """`module:name` of what a caller brings, a problem or what makes one."""
    # Of functools.partial it is the function that has a name.
    what = getattr(problem, 'func', problem) if makes(problem) else problem
    what = what if hasattr(what, '__qualname__') else type(what)
    return f'{what.__module__}:{what.__qualname__}'


def copied(problem: Problem) -> Problem:
    """A second problem like one that a caller brings as an object.

    Its arrays that must not be written are not copied.

    Raises
    ------
    ValueError
        It cannot be copied.
    """
    shared = {id(value): value for value in getattr(
        problem, '__dict__', {}).values()
        if isinstance(value, np.ndarray) and not value.flags.writeable}
    try:
        return copy.deepcopy(problem, shared)
    except Exception as error:
        # Whatever its attributes raise that were not made to be copied.
        raise ValueError(f'{type(problem).__name__} cannot be copied '
                         f'({type(error).__name__}: {error})') from error
