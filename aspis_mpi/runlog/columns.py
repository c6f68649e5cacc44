"""Columns of the tables into which a log is taken apart for other tools."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from aspis_mpi.runlog import meanings
from aspis_mpi.runlog.datasets import DataSet
from aspis_mpi.runlog.schema import unit

#: Type of columns that hold texts.
TEXT = np.dtype(object)


@dataclass(frozen=True)
class Column:
    """One column, of whatever table.

    Attributes
    ----------
    name : str
    dtype : dtype
        Of its numbers; `TEXT` of texts.
    meaning : str
        In a sentence.
    unit : str
        'bytes', 's' for seconds; '' of most.
    words : dict of str to str
        Names of its numbers, in their order from 0, and their meanings;
        empty where the numbers mean themselves.
    """

    name: str
    dtype: np.dtype[Any]
    meaning: str
    unit: str = ''
    words: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its numbers, in their order."""
        return tuple(word for word, _ in self.words)


def key(name: str, dtype: str, meaning: str) -> Column:
    """A column that says whose a row is."""
    return Column(name, np.dtype(dtype), meaning)


def of_table(item: DataSet) -> tuple[Column, ...]:
    """The columns of a table of the log, as it has them."""
    told, names = meanings.read()[item.path], dict(item.names)
    found = []
    for name in item.dtype.names or ():
        known = meanings.of_words(item.path, name) if name in names else {}
        found.append(Column(
            name, item.dtype[name], told[name], unit(name),
            tuple((word, known[word]) for word in names.get(name, '').split()
                  )))
    return tuple(found)


def of_array(item: DataSet) -> Column:
    """The column that an array of the log becomes."""
    return Column(item.name, item.dtype, meanings.read()[item.path]['_'],
                  unit(item.name))


def of_text(path: str, name: str) -> Column:
    """The column that the texts beside a table become."""
    return Column(name, TEXT, meanings.read()[path]['_'])
