"""Things that a job or a caller names: factories and data sets."""

import sys

from aspis_mpi.errors import UnknownPart
from aspis_mpi.files.digests import digest
from aspis_mpi.parts import own
from aspis_mpi.parts.modules import own_modules


def found(what, key):
    """Object that a text names, `package.module:name`; what is none stays.

    Parameters
    ----------
    what : object
    key : str
        The option, for messages.

    Raises
    ------
    ValueError
    """
    if not isinstance(what, str):
        return what
    if ':' not in what:
        raise ValueError(f"{key} '{what}' must be of the form "
                         'package.module:name')
    try:
        return own.attribute(what)
    except UnknownPart as error:
        raise ValueError(f'{key}: {error}') from error


def title(what):
    """Its name in messages.

    >>> title('mine:Net'), title(len)
    ('mine:Net', 'len')
    """
    if isinstance(what, str):
        return what
    return getattr(what, '__qualname__', type(what).__name__)


def called(make, name):
    """Product of a user's factory; what it raises is told in one line.

    Raises
    ------
    ValueError
    """
    try:
        return make()
    except Exception as error:
        raise ValueError(f'{name} raised {type(error).__name__}: '
                         f'{str(error).strip().partition(chr(10))[0]}'
                         ) from error


def digests(texts):
    """Digests of the modules of the user's that are named, by module.

    Parameters
    ----------
    texts : sequence of str
        `package.module:name` each.

    Returns
    -------
    dict of str to str
    """
    told = {}
    for what in texts:
        module = what.partition(':')[0]
        path = getattr(sys.modules.get(module), '__file__', None)
        if path is not None:
            told |= {name: digest(file) for name, file
                     in own_modules(module, path).items()}
    return told
