"""Where a log begins or goes on, and what stays of it then."""

import fcntl
from dataclasses import dataclass

import numpy as np

from aspis_mpi.runlog import schema
from aspis_mpi.runlog.opening import HDF5_ERRORS, open_log

#: Rows that are looked at in one go, at least, and bytes, about.
ROWS, BYTES = 64, 1 << 24


@dataclass(frozen=True)
class Stretch:
    """The steps of a run that a log holds.

    Attributes
    ----------
    step : int
        The next one.
    goes_on : bool
        The log exists; what it says of `step` and later is left out.
    continues : str
        Name of the first log, where this is a later part of a run.
    identity : str
        Of the first log then.
    """

    step: int = 0
    goes_on: bool = False
    continues: str = ''
    identity: str = ''


BEGINNING = Stretch()


class InUse(ValueError):
    """Another process is writing this log."""


def claim(path):
    """Make sure that nobody else writes a log.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    file
        Nobody else can claim the file until this is closed.

    Raises
    ------
    InUse
    """
    file = open(path, 'rb')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise InUse(f'{path} is being written by another process') from error
    except OSError:
        # A file system without locks: nothing can be known there.
        return file
    return file


def copy(path, file, step, items):
    """Copy what a log says of all steps before one.

    A log whose writer was killed is not written to again: what it names
    need not all have reached the disk.  Events stay, as they have happened.

    Parameters
    ----------
    path : Path
        Of the old log.
    file : h5py.File
        The new one, with all data sets.
    step : int
    items : iterable of DataSet
        All that grow.
    """
    with open_log(path, killed=True) as old:
        for name in set(old.attrs) - {'hosts'}:
            file.attrs[name] = old.attrs[name]
        rows = _before(old[schema.STEPS.path], step)
        for item in items:
            if item.path not in old:
                continue
            data = old[item.path]
            if item.name in schema.ROWS:
                _copy(data, file[item.path], rows)
            elif item is schema.EVALUATION:
                # The first one comes before the first step.
                last = step + 1 if step else 0
                _copy(data, file[item.path], _before(data, last))
            elif item is schema.EVENTS:
                _copy(data, file[item.path], _readable(data))
            else:
                _copy(data, file[item.path], _before(data, step))


def _copy(data, new, rows):
    new.resize(rows, axis=0)
    for window in _windows(data, rows):
        new[window] = data[window]


def _windows(data, rows):
    size = max(1, data.dtype.itemsize * int(np.prod(data.shape[1:])))
    span = max(ROWS, BYTES // size)
    return [slice(start, min(start + span, rows))
            for start in range(0, rows, span)]


def _before(data, step):
    """Number of rows up to the first one that is of this step or later.

    One that never reached the disk, of step -1, is later than all.
    """
    for window in _windows(data, len(data)):
        steps = data.fields('step')[window]
        late = (steps >= step) | (steps < 0)
        if late.any():
            return window.start + int(np.argmax(late))
    return len(data)


def _readable(events):
    """Number of events up to the first one that did not reach the disk."""
    for window in _windows(events, len(events)):
        if all(_texts(events, window)):
            continue
        for row in range(window.start, window.stop):
            if not all(_texts(events, slice(row, row + 1))):
                return row
    return len(events)


def _texts(events, rows):
    """What events say; nothing of those that did not reach the disk."""
    try:
        return events[rows]['text']
    except HDF5_ERRORS:
        return [b'']
