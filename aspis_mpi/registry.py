"""Parts by name: every variant of a family is one file, found here.

A family is a package.  A part is a class in one of its modules whose body
sets `name`; a job file chooses it by that name.  The constructor's
positional parameters come from the composition root (sizes, the assumed
number of adversaries ...), its keyword-only parameters are the options of
the job file, with their types and defaults.  `'package.module:factory'`
names a part of the user's own.
"""

import difflib
import importlib
import inspect
import pkgutil
from functools import cache

from aspis_mpi import extras

FAMILIES = {
    'assignment': 'aspis_mpi.assignment',
    'order': 'aspis_mpi.assignment.orders',
    'collection': 'aspis_mpi.schemes.collection',
    'transfer': 'aspis_mpi.schemes.transfer',
    'code': 'aspis_mpi.coding.codes',
    'detection': 'aspis_mpi.detection',
    'aggregation': 'aspis_mpi.aggregation',
    'who': 'aspis_mpi.attacks.who',
    'files': 'aspis_mpi.attacks.files',
    'value': 'aspis_mpi.attacks.values',
    'protocol': 'aspis_mpi.attacks.protocol',
    'delay': 'aspis_mpi.delays',
    'problem': 'aspis_mpi.learning.problems',
    'model': 'aspis_mpi.learning.models',
    'optimizer': 'aspis_mpi.learning.optimizers',
    'schedule': 'aspis_mpi.learning.schedules',
}


class UnknownPart(ValueError):
    """A name that no part of the family carries."""


def nearest(word, known):
    """The phrase that helps after a misspelt `word`.

    >>> nearest('meen', ['mean', 'median'])
    "did you mean 'mean'?"
    >>> nearest('xyz', ['mean', 'median'])
    'known: mean, median'
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f'known: {", ".join(sorted(known))}'


@cache
def parts(family):
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
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        path = f'{package.__name__}.{module.name}'
        for part in vars(importlib.import_module(path)).values():
            if (inspect.isclass(part) and part.__module__ == path
                    and 'name' in vars(part)):
                found[part.name] = part
    return dict(sorted(found.items()))


def find(family, name):
    """The part of `family` called `name`, or the user's `module:factory`.

    Raises
    ------
    UnknownPart
        Names the nearest known part, or what failed in the import.
    """
    if ':' in name:
        return _load(name)
    known = parts(family)
    if name not in known:
        module, dot, attribute = name.rpartition('.')
        own = (f"; write '{module}:{attribute}' for a class of your own"
               if dot else '')
        raise UnknownPart(
            f"no {family} is called '{name}'; {nearest(name, known)}{own}")
    return known[name]


def _load(path):
    module, _, attribute = path.partition(':')
    if not all(word.isidentifier() for word in module.split('.')):
        raise UnknownPart(f"'{path}' is not of the form package.module:name")
    try:
        part = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownPart(f"'{path}' cannot be imported: {error}"
                          f'{_remedy(error)}') from error
    try:
        inspect.signature(part)
    except (TypeError, ValueError) as error:
        raise UnknownPart(f"'{path}' must be a class or a function whose "
                          f'signature can be seen: {error}') from error
    return part


def _remedy(error):
    """What to do about a failed import, as far as we know it."""
    # Only of libraries that we name: others may be misspelt.
    known = (isinstance(error, ModuleNotFoundError)
             and error.name in extras.ADDED)
    return f'; install it with: {extras.command(error.name)}' if known else ''


def options(part):
    """The keyword-only parameters of a part's constructor, by name.

    Returns
    -------
    dict of str to inspect.Parameter
        Their annotations are the types that a job file must give.
    """
    signature = inspect.signature(part)
    return {key: parameter
            for key, parameter in signature.parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY}


def misfit(family, part, context, chosen):
    """Why a part cannot be made, as far as its signature tells.

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
    signature = inspect.signature(part)
    try:
        signature.bind(*context, **chosen)
    except TypeError:
        kind = 'constructor' if inspect.isclass(part) else 'function'
        return (f'the {kind} must take ({_context(family, len(context))}), '
                f'and options after a *; it takes {signature}')
    return ''


def _context(family, n):
    """The names of n positional parameters of the family's parts."""
    for part in parts(family).values():
        names = [key for key, parameter
                 in inspect.signature(part).parameters.items()
                 if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
        if len(names) == n:
            return ', '.join(names)
    return f'{n} arguments'


def summary(part):
    """The first line of a part's docstring."""
    return (inspect.getdoc(part) or '').partition('\n')[0]
