"""Beginning of a log in its run, and what stays of it going on."""

import math
from dataclasses import dataclass

import numpy as np

from aspis_mpi.runlog import schema
from aspis_mpi.runlog.access import HDF5_ERRORS, open_log

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

    @property
    def checkpoint(self):
        """The checkpoint that it begins with, as schema says."""
        begins = not (self.goes_on or self.continues)
        return schema.NO_CHECKPOINT if begins else self.step


BEGINNING = Stretch()


def copy(path, file, step, tables):
    """Copy what a log says of all steps before one.

    A log whose writer was killed is not written to again: what it names
    need not all have reached the disk.  Events stay, as they have happened.
    What an earlier version had in another form gets that of this one.

    Parameters
    ----------
    path : Path
        Of the old log.
    file : h5py.File
        The new one, with all data sets.
    step : int
    tables : iterable of RowTable
        All that there are.
    """
    with open_log(path, killed=True) as old:
        for name in set(old.attrs) - {'hosts', 'version'}:
            file.attrs[name] = old.attrs[name]
        rows = _before(old[schema.STEPS.path], step)
        for item in schema.ROWS.values():
            new = file[item.path]
            new.resize(rows, axis=0)
            if item.since <= old.attrs['version']:
                _copy(old[item.path], new)
            else:
                new[:] = item.nothing
        # The first evaluation comes before the first step.
        data, new = (log[schema.EVALUATION.path] for log in (old, file))
        new.resize(_before(data, step + 1 if step else 0), axis=0)
        _copy(data, new)
        for table in tables:
            _copy_table(table, old, file, step)


def _copy(data, new):
    """Copy as many rows as the new data set has."""
    for window in _windows(new, len(new)):
        new[window] = data[window].view(new.dtype)


def _copy_table(table, old, file, step):
    n = table.count(old)
    if n:
        data = old[table.rows.path]
        # That the run has begun stays true, too.
        end = math.inf if data.name == schema.STARTS else step
        n = min(n, _readable(table, old, n) if table is schema.EVENTS
                else _before(data, end))
    own, beside = file[table.rows.path], file[table.beside.path]
    own.resize(n, axis=0)
    beside.resize(n, axis=0)
    for window in _windows(beside, n):
        own[window], beside[window] = table.split(table.read(old, window))


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


def _readable(table, old, n):
    """Number of events up to the first one that did not reach the disk."""
    for window in _windows(old[table.rows.path], n):
        if _all_there(table, old, window):
            continue
        for row in range(window.start, window.stop):
            if not _all_there(table, old, slice(row, row + 1)):
                return row
    return n


def _all_there(table, old, rows):
    """True if these events reached the disk."""
    try:
        events = table.read(old, rows)
    except HDF5_ERRORS:
        return False
    return bool((events['time'] >= 0).all() and all(events['text']))
