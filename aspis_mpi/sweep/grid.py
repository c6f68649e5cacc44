"""The grid of a sweep: axes of named settings, and what is left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

#: Sections of a job file, with some of their keys.
Tables = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """A point of an axis.

    Attributes
    ----------
    name : str
        A part of the names of runs.
    label : str
        The same as a table has it.
    tables : dict
        Sections and keys that it sets.
    """

    name: str
    label: str
    tables: Tables


@dataclass(frozen=True)
class Axis:
    """Settings of which every run has one.

    Attributes
    ----------
    name, label : str
    settings : tuple of Setting
    """

    name: str
    label: str
    settings: tuple[Setting, ...]

    @property
    def names(self) -> list[str]:
        """Names of its settings."""
        return [setting.name for setting in self.settings]

    @property
    def repeats(self) -> bool:
        """True if nothing but the seed differs: runs to be averaged."""
        return all(setting.tables.keys() == {'run'}
                   and setting.tables['run'].keys() == {'seed'}
                   for setting in self.settings)


#: Names of settings by the name of their axis; any other setting fits.
Pattern = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Special:
    """Settings of the combinations that fit a pattern alone.

    Attributes
    ----------
    pattern : dict
    tables : dict
        Sections and keys that it sets.
    """

    pattern: Pattern
    tables: Tables


@dataclass(frozen=True)
class Grid:
    """Axes, of which the last varies fastest.

    Attributes
    ----------
    axes : tuple of Axis
    without : tuple of dict
        Combinations that are left out.
    where : tuple of Special
        Settings of some combinations alone.
    """

    axes: tuple[Axis, ...]
    without: tuple[Pattern, ...] = ()
    where: tuple[Special, ...] = ()

    def combinations(self) -> Iterator[tuple[Setting, ...]]:
        """One setting of each axis, for every run.

        >>> axes = [Axis(name, name, tuple(Setting(it, it, {}) for it in its))
        ...         for name, its in (('a', 'xy'), ('b', '123'))]
        >>> left_out = {'a': frozenset('y'), 'b': frozenset('13')}
        >>> [''.join(setting.name for setting in it)
        ...  for it in Grid(tuple(axes), (left_out,)).combinations()]
        ['x1', 'x2', 'x3', 'y2']
        """
        for chosen in product(*(axis.settings for axis in self.axes)):
            names = self._names(chosen)
            if not any(_fits(pattern, names) for pattern in self.without):
                yield chosen

    def tables(self, chosen: tuple[Setting, ...]) -> Tables:
        """Sections and keys that a combination sets.

        >>> axes = [Axis(name, name, tuple(Setting(it, it, {'job': {name: it}})
        ...                                for it in its))
        ...         for name, its in (('a', 'xy'), ('b', '12'))]
        >>> grid = Grid(tuple(axes), where=(
        ...     Special({'a': frozenset('y')}, {'job': {'b': '0'}}),))
        >>> for chosen in grid.combinations():
        ...     grid.tables(chosen)['job']
        {'a': 'x', 'b': '1'}
        {'a': 'x', 'b': '2'}
        {'a': 'y', 'b': '0'}
        {'a': 'y', 'b': '0'}
        """
        names = self._names(chosen)
        return laid_over(*(setting.tables for setting in chosen),
                         *(special.tables for special in self.where
                           if _fits(special.pattern, names)))

    def _names(self, chosen: tuple[Setting, ...]) -> dict[str, str]:
        """Names of settings by those of their axes."""
        return {axis.name: setting.name
                for axis, setting in zip(self.axes, chosen)}

    @property
    def repeating(self) -> tuple[int, ...]:
        """Positions of the axes over which runs are averaged."""
        return tuple(i for i, axis in enumerate(self.axes) if axis.repeats)


def _fits(pattern: Pattern, names: Mapping[str, str]) -> bool:
    return all(names[axis] in some for axis, some in pattern.items())


def laid_over(*layers: Tables) -> Tables:
    """Tables of which later ones win, key by key.

    >>> laid_over({'run': {'steps': 3, 'seed': 1}}, {'run': {'seed': 2}})
    {'run': {'steps': 3, 'seed': 2}}
    """
    found: Tables = {}
    for tables in layers:
        for section, table in tables.items():
            before = found.get(section)
            if isinstance(before, dict) and isinstance(table, dict):
                table = before | table
            found[section] = table
    return found
