"""Libraries that some parts need and others do not, and how to get them."""

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

#: What `jobs/environment.sh` of a checkout adds to its environment.
ADDED = ('torch',)

#: The folder of this package, of a checkout maybe.
ROOT = Path(__file__).parents[2]


def missing(part):
    """Libraries that a part needs and this Python does not have.

    Parameters
    ----------
    part : callable
        A class or a function; its attribute `needs`, if it has one, names
        the libraries, with blanks between them.

    Returns
    -------
    list of str
    """
    return [name for name in getattr(part, 'needs', '').split()
            if not is_here(name)]


def is_here(library):
    """True if a library is there; it is not imported."""
    return find_spec(library) is not None


def command(library, root=ROOT):
    """The command that installs a library for this Python.

    Parameters
    ----------
    library : str
    root : Path
        The folder that the package lies in.

    Returns
    -------
    str
    """
    script = root / 'jobs' / 'environment.sh'
    if (library in ADDED and script.is_file()
            and Path(sys.prefix).resolve() == (root / '.venv').resolve()):
        return shlex.join(['bash', str(script), library])
    return shlex.join([sys.executable, '-m', 'pip', 'install', library])


def advice(library):
    """The missing library and what to do, as the end of a sentence."""
    return (f'{library}, which is not installed; install it with: '
            f'{command(library)}')
