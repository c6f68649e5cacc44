"""Sweep files: TOML into a sweep, each mistake in a line.

`job` names a job file beside the sweep file, `[base]` has sections that are
laid over it, `[grid.AXIS]` the settings of an axis, each with the sections
that it sets.  An axis of plain values names keys and values instead.
`without` lists combinations that are left out, `where` those for which
sections are laid over all others.
"""

import re
from collections import Counter
from pathlib import Path

from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from aspis_mpi.job.options import told
from aspis_mpi.sweep.grid import Axis, Grid, Setting, Special, laid_over
from aspis_mpi.sweep.sweep import RECORD, Sweep
from aspis_mpi.words import nearest

#: Keys of a sweep file.
KEYS = 'title', 'job', 'base', 'grid', 'without', 'where'
#: The key beside names of axes with the sections that `where` lays over.
SET = 'set'
#: Keys of an axis of plain values.
VALUES = 'keys', 'values', 'label'
#: What a name may be: it is a part of names of files.
NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.+=-]*')
#: Characters of the name of a run, at most: what is written beside it has
#: longer ones, and file systems take 255.
LONGEST = 200


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
    without, where = (tables.get(key, []) for key in ('without', 'where'))
    grid = Grid(axes, _without(path, without, axes),
                _where(path, where, axes))
    if folder is None:
        folder = (path.parent if path.name == RECORD
                  else Path('runs', path.stem))
    sweep = Sweep(str(path), title, base, grid, Path(folder), {
        'title': title, 'base': base, 'grid': tables['grid'],
        'without': without, 'where': where})
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
    if name == SET:
        raise JobError(f"{place}: no axis can be called '{SET}', the key of "
                       '`where` for sections')
    entries = dict(_table(place, table))
    label = _text(f'{place}.label', entries.pop('label', name))
    # A table is a setting of that name.
    plain = not isinstance(entries.get('values', {}), dict)
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
    if not isinstance(entries['values'], list):
        raise JobError(f'{place}.values = {told(entries["values"])}: must be '
                       'a list, such as [1, 2, 3]')
    found = []
    for value in entries['values']:
        _check_name(f'{place}.values', str(value),
                    '; in an axis without keys and values any name can stand '
                    f'for it, as in a = {{{keys[0]} = {told(value)}}}')
        tables = laid_over(*({section: {key: value}} for section, key in (
            it.split('.') for it in keys)))
        found.append(Setting(str(value), str(value), tables))
    return found


def _without(path, entries, axes):
    """Patterns of what is left out."""
    _check_entries(path, 'without', entries,
                   '[{scheme = "draco", q = [4, 6]}]')
    return tuple(_pattern(f'{path}: without', it, axes) for it in entries)


def _where(path, entries, axes):
    """Settings of some combinations alone."""
    _check_entries(path, 'where', entries,
                   '[{scheme = "detox", set = {adversary.who = "worst"}}]')
    found = []
    for entry in entries:
        if SET not in entry:
            raise JobError(f"{path}: where lacks the key '{SET}', a table of "
                           'sections, such as {run.steps = 10}')
        tables = _table(f'{path}: where.{SET}', entry[SET])
        rest = {axis: names for axis, names in entry.items() if axis != SET}
        found.append(Special(_pattern(f'{path}: where', rest, axes), tables))
    return tuple(found)


def _check_entries(path, key, entries, example):
    if not isinstance(entries, list) or not all(
            isinstance(it, dict) and it for it in entries):
        raise JobError(f'{path}: {key} = {told(entries)}: must be a list of '
                       f'tables, such as {example}')


def _pattern(place, entry, axes):
    """Names of settings of each axis that an entry names."""
    known = {axis.name: axis.names for axis in axes}
    return {axis: _some(place, axis, names, known)
            for axis, names in entry.items()}


def _some(place, axis, names, known):
    """Settings of one axis, of which each must be there."""
    if axis not in known:
        raise JobError(f"{place}: the grid has no axis '{axis}'; "
                       f'{nearest(axis, known)}')
    names = [str(it) for it in (names if isinstance(names, list)
                                else [names])]
    for name in names:
        if name not in known[axis]:
            raise JobError(f'{place}.{axis} = {name!r}: the axis has no such '
                           f'setting; {nearest(name, known[axis])}')
    return frozenset(names)


def _check_names(sweep):
    """Refuse a sweep without runs, and two runs of one name."""
    if not sweep.runs:
        raise JobError(f'{sweep.path}: without leaves no run of the grid')
    seen = {}
    for run in sweep.runs:
        if len(run.name) > LONGEST:
            raise JobError(f'{run.title}: the name has {len(run.name)} '
                           f'characters; at most {LONGEST} are possible: '
                           'shorten the names of settings')
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


def _check_name(place, name, hint=''):
    if not NAME.fullmatch(name):
        raise JobError(f'{place}: the name {name!r} must begin with a letter, '
                       'a digit or _, and go on with these or any of . + = -'
                       f'{hint}')


def _table(place, value):
    if not isinstance(value, dict):
        raise JobError(f'{place} = {told(value)}: must be a table')
    return value


def _text(place, value):
    if not isinstance(value, str):
        raise JobError(f'{place} = {told(value)}: must be a text')
    return value
