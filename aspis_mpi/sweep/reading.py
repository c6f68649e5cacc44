"""Sweep files: TOML into a sweep, each mistake in a line.

`job` names a job file beside the sweep file, `[base]` has sections that are
laid over it, `[grid.AXIS]` the settings of an axis, each with the sections
that it sets.  An axis of plain values names keys and values instead.
`without` lists combinations that are left out.
"""

import re
from collections import Counter
from pathlib import Path

from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from aspis_mpi.job.options import told
from aspis_mpi.sweep.grid import Axis, Grid, Setting, laid_over
from aspis_mpi.sweep.sweep import RECORD, Sweep
from aspis_mpi.words import nearest

#: Keys of a sweep file.
KEYS = 'title', 'job', 'base', 'grid', 'without'
#: Keys of an axis of plain values.
VALUES = 'keys', 'values', 'label'
#: What a name may be: it is a part of names of files.
NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.+=-]*')


def load(path, folder=None):
    """Read a sweep file.

    Parameters
    ----------
    path : str or Path
    folder : str or Path, optional
        Of its runs; by default runs/NAME, or of the record of a sweep, which
        is a sweep file, the folder where that lies.

    Returns
    -------
    Sweep
        Its jobs have not been looked at.

    Raises
    ------
    JobError
    """
    path = Path(path)
    tables = loading.read(path)
    for key in tables:
        if key not in KEYS:
            raise JobError(f"{path}: unknown key '{key}'; "
                           f'{nearest(key, KEYS)}')
    title = _text(f'{path}: title', tables.get('title', ''))
    base = _base(path, tables)
    axes = _axes(path, tables.get('grid'))
    grid = Grid(axes, _without(path, tables.get('without', []), axes))
    if folder is None:
        folder = (path.parent if path.name == RECORD
                  else Path('runs', path.stem))
    sweep = Sweep(str(path), title, base, grid, Path(folder), {
        'title': title, 'base': base, 'grid': tables['grid'],
        'without': tables.get('without', [])})
    _check_names(sweep)
    return sweep


def _base(path, tables):
    """Sections that all runs share."""
    base = _table(f'{path}: base', tables.get('base', {}))
    if 'job' not in tables:
        return base
    job = _text(f'{path}: job', tables['job'])
    return laid_over(loading.read(path.parent / job), base)


def _axes(path, grid):
    if grid is None or not _table(f'{path}: grid', grid):
        raise JobError(f'{path}: the grid is empty: give it an axis, '
                       '[grid.NAME], with at least one setting')
    return tuple(_axis(f'{path}: grid.{name}', name, table)
                 for name, table in grid.items())


def _axis(place, name, table):
    _check_name(place, name)
    entries = dict(_table(place, table))
    label = _text(f'{place}.label', entries.pop('label', name))
    plain = isinstance(entries.get('values'), list)
    settings = (_values(place, entries) if plain else
                [_setting(f'{place}.{word}', word, it)
                 for word, it in entries.items()])
    if not settings:
        raise JobError(f'{place} is empty: give it at least one setting')
    for word, count in Counter(it.name.lower() for it in settings).items():
        if count > 1:
            raise JobError(f"{place}: the setting '{word}' is there {count} "
                           'times; each needs a name of its own')
    return Axis(name, label, tuple(settings))


def _setting(place, name, table):
    """A setting that says which sections it sets."""
    _check_name(place, name)
    if not isinstance(table, dict):
        raise JobError(f'{place} = {told(table)}: must be a table of '
                       'sections, such as {run.seed = 1}')
    tables = dict(table)
    return Setting(name, _text(f'{place}.label', tables.pop('label', name)),
                   tables)


def _values(place, entries):
    """Settings of an axis that gives some keys one value each."""
    for key in entries:
        if key not in VALUES:
            raise JobError(f"{place}: unknown key '{key}' beside values; "
                           f'{nearest(key, VALUES)}')
    keys = entries.get('keys')
    if not isinstance(keys, list) or not keys or not all(
            isinstance(key, str) and re.fullmatch(r'\w+\.\w+', key)
            for key in keys):
        raise JobError(f'{place}.keys = {told(keys)}: must be a list of '
                       'section.key, such as ["run.seed"]')
    found = []
    for value in entries['values']:
        _check_name(f'{place}.values', str(value))
        tables = laid_over(*({section: {key: value}} for section, key in (
            it.split('.') for it in keys)))
        found.append(Setting(str(value), str(value), tables))
    return found


def _without(path, entries, axes):
    """Patterns of what is left out."""
    if not isinstance(entries, list) or not all(
            isinstance(it, dict) and it for it in entries):
        raise JobError(f'{path}: without = {told(entries)}: must be a list '
                       'of tables, such as [{scheme = "draco", q = [4, 6]}]')
    known = {axis.name: axis.names for axis in axes}
    return tuple({axis: _some(path, axis, names, known)
                  for axis, names in it.items()} for it in entries)


def _some(path, axis, names, known):
    """Settings of one axis, of which each must be there."""
    if axis not in known:
        raise JobError(f"{path}: without: the grid has no axis '{axis}'; "
                       f'{nearest(axis, known)}')
    names = [str(it) for it in (names if isinstance(names, list)
                                else [names])]
    for name in names:
        if name not in known[axis]:
            raise JobError(f'{path}: without.{axis} = {name!r}: the axis has '
                           f'no such setting; {nearest(name, known[axis])}')
    return frozenset(names)


def _check_names(sweep):
    """Refuse a sweep without runs, and two runs of one name."""
    if not sweep.runs:
        raise JobError(f'{sweep.path}: without leaves no run of the grid')
    seen = {}
    for run in sweep.runs:
        # Some file systems take upper case for lower.
        other = seen.setdefault(run.name.lower(), run)
        if other is not run:
            raise JobError(
                f'{sweep.path}: runs {other.number} and {run.number} are '
                f"both called '{run.name}'; rename a setting")
    reserved = Path(RECORD).stem
    if reserved in seen:
        raise JobError(f"{sweep.path}: no run can be called '{reserved}', "
                       f'since {RECORD} is the record of the whole')


def _check_name(place, name):
    if not NAME.fullmatch(name):
        raise JobError(f'{place}: the name {name!r} must consist of letters, '
                       'digits and any of _ . + = -')


def _table(place, value):
    if not isinstance(value, dict):
        raise JobError(f'{place} = {told(value)}: must be a table')
    return value


def _text(place, value):
    if not isinstance(value, str):
        raise JobError(f'{place} = {told(value)}: must be a text')
    return value
