"""Comma-separated values, in UTF-8: readable by everything.

A float has as many digits as tell it from all others, so that reading gives
the same bits; what is no number is NaN, Inf or -Inf.  True is 1.  Numbers with
names are their names.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from aspis_mpi.arrays import Array
from aspis_mpi.runlog.columns import TEXT, Column
from aspis_mpi.runlog.plain_tables import Batch, Table

SUFFIX, NEEDS = '.csv', ''

#: What a cell may not have without quotes around it.
SPECIAL = re.compile(r'[",\r\n]')

_NOT_FINITE = (np.isnan, 'NaN'), (np.isposinf, 'Inf'), (np.isneginf, '-Inf')


def write(path: Path, table: Table, batches: Iterable[Batch]) -> int:
    """Write a table: names of columns, then a line for each row.

    Returns
    -------
    int
        Number of rows.
    """
    count = 0
    with open(path, 'w', encoding='utf-8', newline='') as file:
        file.write(','.join(it.name for it in table.columns) + '\n')
        for batch in batches:
            if not len(batch[0]):
                continue
            cells = map(_cells, table.columns, batch)
            file.write('\n'.join(map(','.join, zip(*cells))) + '\n')
            count += len(batch[0])
    return count


def _cells(column: Column, values: Array) -> list[str]:
    """Texts of a column."""
    if column.words:
        return _picked([*column.names], values)
    if column.dtype == TEXT:
        return [*map(quoted, values)]
    if column.dtype == bool:
        return _picked(['0', '1'], values.astype('u1'))
    return _numbers(values)


def _picked(words: list[str], places: Array) -> list[str]:
    return np.array(words, TEXT)[places].tolist()


def _numbers(values: Array) -> list[str]:
    """Numbers in as many digits as they need; most are there often."""
    # By their bits: -0.0 is another word than 0.0.
    bits = np.ascontiguousarray(values).view(f'i{values.itemsize}')
    known, places = np.unique(bits, return_inverse=True)
    if 2 * len(known) > len(values):
        return _words(values)
    return _picked(_words(known.view(values.dtype)), places)


def _words(values: Array) -> list[str]:
    words = [*map(repr, values.tolist())]
    if values.dtype.kind == 'f' and not np.isfinite(values).all():
        for has, word in _NOT_FINITE:
            for place in np.flatnonzero(has(values)):
                words[place] = word
    return words


def quoted(text: str) -> str:
    """A text as a cell."""
    if not SPECIAL.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'
