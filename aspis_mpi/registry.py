"""Parts by name: every variant of a family is one file, found here.

A family is a package.  A part is a class in one of its modules whose body
sets `name`; a job file chooses it by that name.  The constructor's
positional parameters come from the composition root (sizes, the assumed
number of adversaries ...), its keyword-only parameters are the options of
the job file, with their types and defaults.  `'package.module:factory'`
names a part of the user's own.
"""

import importlib
import inspect
import pkgutil
from functools import cache
from typing import Any

from aspis_mpi.errors import UnknownPart
from aspis_mpi.parts.own import (
    Maker, load, misplaced, options, remembered, signature)
from aspis_mpi.words import nearest

#: What the project finds here, whoever keeps it.
__all__ = ['FAMILIES', 'UnknownPart', 'find', 'misfit', 'misplaced',
           'nearest', 'options', 'parts', 'remembered', 'summary']

FAMILIES = {
    'assignment': 'aspis_mpi.assignment.designs',
    'order': 'aspis_mpi.assignment.orders',
    'collection': 'aspis_mpi.schemes.collection',
    'transfer': 'aspis_mpi.schemes.transfer',
    'code': 'aspis_mpi.coding.codes',
    'compression': 'aspis_mpi.compression.kinds',
    'detection': 'aspis_mpi.detection.rules',
    'aggregation': 'aspis_mpi.aggregation.aggregators',
    'pre-aggregation': 'aspis_mpi.aggregation.preaggregations',
    'who': 'aspis_mpi.attacks.who',
    'files': 'aspis_mpi.attacks.files',
    'value': 'aspis_mpi.attacks.values',
    'protocol': 'aspis_mpi.attacks.protocol',
    'delay': 'aspis_mpi.delays.kinds',
    'problem': 'aspis_mpi.learning.problems',
    'model': 'aspis_mpi.learning.models',
    'data': 'aspis_mpi.learning.images.sets',
    'optimizer': 'aspis_mpi.learning.optimizers',
    'schedule': 'aspis_mpi.learning.schedules',
}


@cache
def parts(family: str) -> dict[str, type]:
    """The classes of a family, by name.

    Parameters
    ----------
    family : str
        A key of `FAMILIES`.

    Returns
    -------
    dict of str to type
    """
    package = importlib.import_module(FAMILIES[family])
    found: dict[str, type] = {}
    for module in pkgutil.iter_modules(package.__path__):
        path = f'{package.__name__}.{module.name}'
        for part in vars(importlib.import_module(path)).values():
            if (inspect.isclass(part) and part.__module__ == path
                    and 'name' in vars(part)):
                found[vars(part)['name']] = part
    return dict(sorted(found.items()))


def find(family: str, name: str) -> Maker:
    """The part of `family` called `name`, or the user's `module:factory`.

    Raises
    ------
    UnknownPart
        Names the nearest known part, or what failed in the import.
    """
    if ':' in name:
        return load(name)
    known = parts(family)
    if name not in known:
        module, dot, attribute = name.rpartition('.')
        own = (f"; write '{module}:{attribute}' for a class of your own"
               if dot else '')
        raise UnknownPart(
            f"no {family} is called '{name}'; {nearest(name, known)}{own}")
    return known[name]


def misfit(family: str, part: Maker, context: tuple[Any, ...],
           chosen: dict[str, Any]) -> str:
    """The reason why a part cannot be made, as far as its signature tells.

    Parameters
    ----------
    family : str
    part : callable
    context : tuple
        What the composition root gives to every part of the family.
    chosen : dict
        The options.

    Returns
    -------
    str
        Empty where it can; what it raises itself is not looked at.
    """
    takes = signature(part)
    try:
        takes.bind(*context, **chosen)
    except TypeError:
        kind = 'constructor' if inspect.isclass(part) else 'function'
        return (f'the {kind} must take ({_context(family, len(context))}), '
                'and options after a *; it takes '
                f'{" ".join(str(takes).split())}')
    return ''


def _context(family: str, n: int) -> str:
    """The names of n positional parameters of the family's parts."""
    for part in parts(family).values():
        names = [key for key, parameter
                 in inspect.signature(part).parameters.items()
                 if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
        if len(names) == n:
            return ', '.join(names)
    return f'{n} arguments'


def summary(part: Maker) -> str:
    """The first line of a part's docstring."""
    return (inspect.getdoc(part) or '').partition('\n')[0]
