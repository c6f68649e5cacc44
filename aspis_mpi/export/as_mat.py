"""MAT-files of version 5, by scipy: for Octave and MATLAB.

A variable for each column.  Texts are a cell array; numbers with names stay
numbers, and their names are one more variable, `NAME_names`: the name of n is
its entry n + 1.  A whole table is in memory at once.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from aspis_mpi.arrays import Array
from aspis_mpi.runlog.columns import TEXT, Column
from aspis_mpi.runlog.plain_tables import Batch, Table

SUFFIX, NEEDS = '.mat', ''


def write(path: Path, table: Table, batches: Iterable[Batch]) -> int:
    """Write a table.

    Returns
    -------
    int
        Number of rows.
    """
    from scipy.io import savemat
    parts = [*batches]
    columns = [np.concatenate([batch[place] for batch in parts])
               if parts else np.empty(0, column.dtype)
               for place, column in enumerate(table.columns)]
    variables: dict[str, Any] = {}
    for column, values in zip(table.columns, columns):
        variables |= _variables(column, values)
    savemat(path, variables, do_compression=True, oned_as='column',
            long_field_names=True)
    return len(columns[0])


def _variables(column: Column, values: Array) -> dict[str, Array]:
    """A column as MATLAB knows it, and the names of its numbers."""
    if column.words:
        names = np.array([*column.names], dtype=TEXT)
        return {column.name: values.astype('u1'),
                f'{column.name}_names': names}
    return {column.name: values}
