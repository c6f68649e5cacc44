"""Beginning of a log in its run, and what stays of it going on."""

from dataclasses import dataclass
from math import inf

import numpy as np

from aspis_mpi.arrays import Ints
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.access import HDF5_ERRORS, open_log
from aspis_mpi.runlog.datasets import TURN, completed
from aspis_mpi.runlog.rows import of_rollback
from aspis_mpi.schemes.record import Rollback

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
    turn : int or float, optional
        What the log says of this turn and later ones is left out, too; of
        turns before it stays, also where it is of undone steps.  By default
        the steps decide.
    rollbacks : tuple of Rollback
        Which undo steps of the log; those that it has already are not added.
    order : ndarray of int, shape (K, l), optional
        Of computing, from `step` on, where steps are undone.
    """

    step: int = 0
    goes_on: bool = False
    continues: str = ''
    identity: str = ''
    turn: float | None = None
    rollbacks: tuple[Rollback, ...] = ()
    order: Ints | None = None

    @property
    def within(self):
        """True if a run goes back while it goes on."""
        return self.turn == inf

    @property
    def checkpoint(self):
        """The checkpoint that it begins with, as schema says."""
        begins = not (self.goes_on or self.continues)
        return schema.NO_CHECKPOINT if begins else self.step


BEGINNING = Stretch()


def copy(path, file, stretch, tables):
    """Copy what a log says of all steps before a stretch.

    A log whose writer was killed is not written to again: what it names
    need not all have reached the disk.  Events stay, as they have happened.
    What an earlier version had in another form gets that of this one.

    Parameters
    ----------
    path : Path
        Of the old log.
    file : h5py.File
        The new one, with all data sets.
    stretch : Stretch
    tables : sequence of RowTable
        All that there are, that of changes of the order last.
    """
    step = stretch.step
    with open_log(path, killed=True) as old:
        for name in set(old.attrs) - {'hosts', 'version'}:
            file.attrs[name] = old.attrs[name]
        _copy_design(old, file)
        rows = _before(old[schema.STEPS.path], step)
        for item in schema.ROWS.values():
            new = file[item.path]
            new.resize(rows, axis=0)
            if item.since <= old.attrs['version']:
                _copy(old[item.path], new)
            else:
                new[:] = item.nothing
        # The first evaluation comes before the first step; a run that begins
        # with that makes it again.
        data, new = (log[schema.EVALUATION.path] for log in (old, file))
        new.resize(_before(data, step + 1 if step or stretch.within else 0),
                   axis=0)
        _copy(data, new)
        for table in tables:
            _copy_table(table, old, file, stretch)
        if schema.ROLLBACKS.path in old:
            _copy_rollbacks(old, file, stretch)
        if schema.DRAWS.path in old:
            _copy_draws(old, file, stretch)
    if stretch.order is not None:
        _reorder(tables[-1], file, stretch)


def tell_rollbacks(file, stretch):
    """Add those of a stretch that the log has not."""
    new = file[schema.ROLLBACKS.path]
    known = len(new)
    turns = set(new.fields(TURN)[:]) if known else ()
    rows = [of_rollback(it) for it in stretch.rollbacks
            if it.turn not in turns]
    if rows:
        new.resize(known + len(rows), axis=0)
        new[known:] = np.array(rows, schema.ROLLBACK_COLUMNS)


def _copy_design(old, file):
    """Copy who had which file first, also where it is another one now."""
    for path in schema.INCIDENCE, schema.ORDER:
        file[path][...] = old[path][...]


def _copy(data, new):
    """Copy as many rows as the new data set has."""
    for window in _windows(new, len(new)):
        rows = data[window]
        new[window] = (completed(rows, new.dtype) if rows.dtype.names
                       else rows.view(new.dtype))


def _copy_rollbacks(old, file, stretch):
    """Rollbacks until the first turn of a stretch."""
    data, new = (log[schema.ROLLBACKS.path] for log in (old, file))
    turn = inf if stretch.turn is None else stretch.turn
    new.resize(_before(data, turn + 1, TURN), axis=0)
    _copy(data, new)


def _copy_draws(old, file, stretch):
    """Draws until then, those of undone turns included."""
    data, new = (log[schema.DRAWS.path] for log in (old, file))
    new.resize(_before(data, *_bound(data, stretch)), axis=0)
    _copy(data, new)


def _reorder(changes, file, stretch):
    """Say which order of computing holds from the first step on.

    That of the workers stays when steps are undone.
    """
    own, beside = file[changes.rows.path], file[changes.beside.path]
    n = len(own)
    before = beside[n - 1] if n else file[schema.ORDER][:]
    if before.shape == stretch.order.shape and (
            before == stretch.order).all():
        return
    own.resize(n + 1, axis=0)
    beside.resize(n + 1, axis=0)
    own[n:], beside[n] = np.array([stretch.step], own.dtype), stretch.order


def _copy_table(table, old, file, stretch):
    n = table.count(old)
    if n:
        data = old[table.rows.path]
        n = min(n, _readable(table, old, n) if table is schema.EVENTS
                else _before(data, *_bound(data, stretch)))
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


def _bound(data, stretch):
    """The first step or turn of which nothing stays, and which it is."""
    if data.name == schema.STARTS:
        # That the run has begun stays true, as events do.
        return inf, 'step'
    if stretch.turn is None or TURN not in data.dtype.names:
        return stretch.step, 'step'
    return stretch.turn, TURN


def _before(data, bound, column='step'):
    """Number of rows up to the first one that is of this step or later.

    One that never reached the disk, whose first column is -1, is later than
    all.
    """
    first, *_ = data.dtype.names
    for window in _windows(data, len(data)):
        late = (data.fields(column)[window] >= bound) | (
            data.fields(first)[window] < 0)
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
