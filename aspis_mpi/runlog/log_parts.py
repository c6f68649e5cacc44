"""Files beside a run log that go on with its run.

A run that comes back with another number of ranks goes on in a log of its
own: RUN.2.h5, then RUN.3.h5, beside RUN.h5.  Each of them names the first
in its root attribute `continues`, and in `first_step` the step that its
first row has.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from h5py import is_hdf5

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog.access import attributes_at

#: Of names of run logs; what else looks like one belongs to the name.
SUFFIXES = '.h5', '.hdf5'


@dataclass(frozen=True)
class Place:
    """Place of a part of a run, and which of its steps count.

    Steps from `until` on were done again in a later part; None if none
    were.
    """

    path: Path
    until: int | None


def beside(path, suffix):
    """The path of a file or folder that belongs to a run log.

    >>> beside('runs/lr0.1.h5', '.npz').name, beside('lr0.1', '.npz').name
    ('lr0.1.npz', 'lr0.1.npz')
    """
    path = Path(path)
    stem = path.stem if path.suffix in SUFFIXES else path.name
    return path.with_name(stem + suffix)


def places(path):
    """The parts of a run, in the order in which they were begun.

    A file that does not say that it continues this run, or is none of HDF5,
    is left aside, and so is one that is older than the first: it continues
    the log that had the name before.

    Parameters
    ----------
    path : Path
        The first part; or a later one, which then stands for itself alone.

    Returns
    -------
    list of Place

    Raises
    ------
    RunLogError
        A file with the name of a part cannot be read.
    """
    later = _numbered(path) if path.is_file() else []
    attrs = attributes_at(path) if later else {}
    if not later or 'continues' in attrs:
        return [Place(path, None)]
    starts = {other: step for other in later
              if (step := _first_step(other, path, attrs)) is not None}

    # A step belongs to the last part that had begun by then.
    steps = list(starts.values())
    return [Place(part, min(steps[i:], default=None))
            for i, part in enumerate((path, *starts))]


def orphans(path):
    """Later parts of a log of this name, whether it is there or not.

    Parameters
    ----------
    path : Path
        In a folder that exists.

    Returns
    -------
    list of Path
    """
    return [other for other in _numbered(path) if is_hdf5(other)
            and attributes_at(other).get('continues') == path.name]


def free(path, number):
    """The path of a part with this number, or the next one that is free."""
    while (part := path.with_name(_name(path, number))).exists():
        number += 1
    return part


def _name(path, number):
    """The name of a part: RUN.2.h5 of RUN.h5."""
    return f'{path.stem}.{number}{path.suffix}'


def _numbered(path):
    """Files beside it that have the name of a part, by their numbers."""
    numbers, before, after = {}, f'{path.stem}.', path.suffix
    for name in os.listdir(path.parent):
        # Those of other runs, of which there may be thousands.
        if not (name.startswith(before) and name.endswith(after)):
            continue
        digits = name[len(before):len(name) - len(after)]
        if digits.isdecimal() and name == _name(path, int(digits)):
            numbers[int(digits)] = path.with_name(name)
    return [numbers[number] for number in sorted(numbers) if number > 1]


def _first_step(path, first, of_first):
    """The step with which a part begins; None if it is of another run."""
    if not is_hdf5(path):
        return None
    attrs = attributes_at(path)
    if attrs.get('continues') != first.name or not _same(
            attrs, path, of_first, first):
        return None
    step = attrs.get('first_step')
    if not isinstance(step, int) or step < 0:
        raise RunLogError(f'{path} continues {first.name}, but its first_step '
                          f'{step} is no step')
    return step


def _same(attrs, path, of_first, first):
    """True if it continues this log, not one that had its name before."""
    if 'continues_identity' in attrs and 'identity' in of_first:
        return attrs['continues_identity'] == of_first['identity']
    return _moment(attrs, path) >= _moment(of_first, first)


def _moment(attrs, path):
    """Time at which a log was created."""
    try:
        return datetime.fromisoformat(attrs['created'])
    except (KeyError, TypeError, ValueError) as error:
        raise RunLogError(
            f'{path} does not say when it was created: {error!r}') from error
