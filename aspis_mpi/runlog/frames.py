"""Data frames of pandas, which is imported when one is asked for."""

from typing import TYPE_CHECKING, Any

import numpy as np

from aspis_mpi.arrays import Array
from aspis_mpi.parts import extras
from aspis_mpi.runlog.columns import TEXT, Column
from aspis_mpi.runlog.plain_tables import TABLES, Table
from aspis_mpi.runlog.view import View
from aspis_mpi.words import nearest

if TYPE_CHECKING:
    import pandas


class Framed(View):
    """Base of `Run` and `JoinedRun`: the log as data frames."""

    def frames(self, *names: str) -> 'dict[str, pandas.DataFrame]':
        """The log as data frames of pandas, one for each table.

        Their names are those of the log: `steps` (indexed by `step`),
        `evaluation`, `events`, `exposures`, `tensors`, `starts`,
        `rollbacks`, `draws`, `arrivals`.  What has an entry for each worker,
        or file, in a step is long: `workers` has a row for each and an
        index of `step` and `worker`, `files` one of `step` and `file`.  Of
        matrices of bits, `contributors`, `lies` and `disagreements`, there
        is a row for each that is set.  `places` are the hosts of the ranks,
        `orders` who computes which file at which position.

        Columns have the types of the log; numbers with names are
        categorical.  Of a run that came back with other ranks `part` says
        in which log a row stands: each has workers of its own.

        Parameters
        ----------
        *names : str
            Tables that are wanted; by default all, of which `contributors`
            and `arrivals` of a long run take much memory.

        Returns
        -------
        dict of str to DataFrame

        Raises
        ------
        ImportError
            pandas is not installed.
        ValueError
            There is no such table.
        """
        if not extras.is_here('pandas'):
            raise ImportError('frames need pandas, which is not installed; '
                              'install the extra `analysis`, or pandas with: '
                              f'{extras.command("pandas")}')
        for name in names:
            if name not in TABLES:
                raise ValueError(f"no table is called '{name}'; "
                                 f'{nearest(name, TABLES)}')
        return {name: _frame(TABLES[name], self) for name in names or TABLES}


def _frame(table: Table, run: View) -> 'pandas.DataFrame':
    import pandas
    arrays = map(np.concatenate, zip(*_whole(table, run)))
    frame = pandas.DataFrame({
        column.name: _values(column, values)
        for column, values in zip(table.columns, arrays)})
    return frame.set_index([*table.index]) if table.index else frame


def _whole(table: Table, run: View) -> list[tuple[Array, ...]]:
    """All rows, and before them none, which have all types."""
    none = tuple(np.empty(0, column.dtype) for column in table.columns)
    return [none, *table.batches(run)]


def _values(column: Column, values: Array) -> Any:
    import pandas
    if column.words:
        return pandas.Categorical.from_codes(values, column.names)
    # Else the type of a text would depend on whether there is one.
    return (pandas.Series(values, dtype='str') if column.dtype == TEXT
            else values)
