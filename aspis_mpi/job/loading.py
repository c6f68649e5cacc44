"""Job files: TOML into a job, with settings of the command line."""

import tomllib

from aspis_mpi.errors import JobError
from aspis_mpi.files import texts
from aspis_mpi.job.checking import checked
from aspis_mpi.learning.brought import title


def load(path, settings=(), n_workers=None, problem=None):
    """Read a job file.

    Parameters
    ----------
    path : str or Path
    settings : iterable of str
        `section.key=value` of the command line; they win over the file.
    n_workers : int, optional
        Default of `scheme.workers`: the number of ranks - 1.
    problem : Problem or callable, optional
        One that the caller brings, or what makes it; the job need not name
        any.

    Returns
    -------
    Job

    Raises
    ------
    JobError
    """
    tables = read(path)
    for setting in settings:
        _set(tables, setting)
    return from_tables(tables, str(path), n_workers, problem)


def read(path):
    """The tables of a TOML file, as they stand there.

    Raises
    ------
    JobError
        It cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(texts.read(path))
    except OSError as error:
        raise JobError(f'{path}: {error.strerror}') from None
    except RecursionError:
        raise JobError(f'{path}: lists or tables are nested too deeply'
                       ) from None
    except ValueError as error:
        # Of a number with thousands of digits Python names a setting.
        raise JobError(f"{path}: {str(error).partition('; use sys.')[0]}"
                       ) from None


def _set(tables, setting):
    """Apply one `section.key=value`, the value in TOML or a bare word."""
    name, equals, text = setting.partition('=')
    section, dot, key = name.strip().partition('.')
    if not (equals and dot and key):
        raise JobError(f"--set {setting}: write it as section.key=value")
    try:
        value = tomllib.loads(f'value = {text}')['value']
    except ValueError:
        value = text.strip()
    table = tables.setdefault(section, {})
    if not isinstance(table, dict):
        raise JobError(f'{section} = {table!r}: must be a section, '
                       f'[{section}]')
    table[key] = value


def from_tables(tables, path='job', n_workers=None, problem=None):
    """Check the tables of a job and fill in presets and defaults."""
    if problem is None:
        return checked(tables, path, n_workers)
    return checked(tables, path, n_workers, title(problem))
