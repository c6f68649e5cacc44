"""The files that a job names, and whether they are those of an earlier run.

A part's option is a file where its value is a path, or a text that looks
like one (it has a separator or a suffix) of a file that is there.  The class
may say so itself, by the names of such options in an attribute `reads`.  The
module of a part of the user's own is a file that the job names, too, and with
it those of the user's that it imports.
"""

import json
import os
import sys
import tomllib
from dataclasses import dataclass

import tomli_w

from aspis_mpi.errors import JobError
from aspis_mpi.files.digests import brief, digest
from aspis_mpi.parts.modules import own_modules


@dataclass(frozen=True)
class Input:
    """A file that a job names.

    Attributes
    ----------
    key : str
        Where, as section.key.
    digest : str
        See `digests.digest`.
    """

    key: str
    digest: str


def inputs(job, problem=None):
    """The files that a job names, as it is now.

    Parameters
    ----------
    job : Job
    problem : Problem, optional
        One that the caller has brought.

    Returns
    -------
    dict of str to Input
        By their names: what the job calls it, of a module its own.

    Raises
    ------
    JobError
        One of them cannot be read.
    """
    found = {}
    for key, name, path in [*_options(job), *_sizes(job),
                            *_modules(job, problem)]:
        if name in found:
            continue
        try:
            found[name] = Input(key, digest(path))
        except OSError as error:
            raise JobError(f'{job.path}: {key}: {path}: '
                           f'{error.strerror}') from error
    return found


def to_toml(found):
    """Inputs as a run log keeps them, '' where there are none."""
    return tomli_w.dumps({name: it.digest for name, it in found.items()})


def check_unchanged(job, found, recorded, log, how):
    """Refuse files that have changed since a run, unless that is accepted.

    Parameters
    ----------
    job : Job
    found : dict of str to Input
    recorded : str or None
        What the log of that run has, see `to_toml`; None without any.
    log : Path
        Of the log.
    how : str
        What is asked for, '--resume' say.

    Returns
    -------
    tuple of str
        What a person should know, in sentences.

    Raises
    ------
    JobError
    """
    if found and recorded is None:
        return (f'{log} does not say what was in {", ".join(found)}: '
                'whether that has changed is not known',)
    before = tomllib.loads(recorded or '')
    changed = [name for name, it in found.items()
               if before.get(name, it.digest) != it.digest]
    accepted = job.run.accept_changes
    accepted = [accepted] if isinstance(accepted, str) else accepted
    told = {name: f'{name} has changed since {log} was written: it had '
            f'{brief(before[name])}, has {brief(found[name].digest)} now'
            for name in changed}
    for name in changed:
        if name not in accepted:
            raise JobError(f'{job.path}: {found[name].key}: {how}: '
                           f'{told[name]}; run.accept_changes = '
                           f'{json.dumps(changed)} goes on with it')
    return tuple(told.values())


def _options(job):
    """Key, name and path of each option that is a file."""
    for (section, _), part in job.parts.items():
        declared = getattr(part.cls, 'reads', ())
        for option, value in part.options.items():
            values = value if isinstance(value, list | tuple) else [value]
            for item in values:
                if _is_path(item, option in declared) and (
                        os.path.isfile(item)):
                    yield f'{section}.{option}', str(item), item


def _sizes(job):
    """The table with the size of each file, where there is one."""
    path = job.problem.file_sizes
    if os.path.isfile(path):
        yield 'problem.file_sizes', path, path


def _is_path(value, declared):
    if isinstance(value, str):
        return declared or os.sep in value or bool(
            os.path.splitext(value)[1])
    return isinstance(value, os.PathLike)


def _modules(job, problem):
    """Key, name and path of each module of the user's own."""
    named = [(f'{section}.{key}', part.word)
             for (section, key), part in job.parts.items()]
    if problem is not None:
        named.append(('problem.name', job.problem.name))
    for key, word in named:
        module, colon, _ = word.partition(':')
        path = getattr(sys.modules.get(module), '__file__', None)
        if colon and path is not None and os.path.isfile(path):
            for name, file in own_modules(module, path).items():
                yield key, name, file
