"""Parquet, by pyarrow: smaller and faster to read, with types.

Units and meanings of columns are in their metadata.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aspis_mpi.arrays import Array
from aspis_mpi.runlog.columns import TEXT, Column
from aspis_mpi.runlog.plain_tables import Batch, Table

if TYPE_CHECKING:
    import pyarrow

SUFFIX, NEEDS = '.parquet', 'pyarrow'

#: Rows of a group, at least, but for the last one.
ROWS = 1 << 18


def write(path: Path, table: Table, batches: Iterable[Batch]) -> int:
    """Write a table; names of numbers are a dictionary.

    Returns
    -------
    int
        Number of rows.
    """
    import pyarrow
    from pyarrow import parquet
    count = 0
    schema = pyarrow.schema([_field(it) for it in table.columns])
    with parquet.ParquetWriter(path, schema, compression='zstd') as file:
        waiting, rows = [], 0
        for batch in batches:
            waiting.append(pyarrow.record_batch(
                [*map(_array, table.columns, batch)], schema=schema))
            rows += len(batch[0])
            if rows >= ROWS:
                file.write_table(pyarrow.Table.from_batches(waiting))
                waiting, count, rows = [], count + rows, 0
        file.write_table(pyarrow.Table.from_batches(waiting, schema))
    return count + rows


def _field(column: Column) -> 'pyarrow.Field':
    import pyarrow
    if column.words:
        kind = pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
    else:
        kind = (pyarrow.string() if column.dtype == TEXT
                else pyarrow.from_numpy_dtype(column.dtype))
    return pyarrow.field(column.name, kind, nullable=False, metadata={
        'unit': column.unit, 'meaning': column.meaning})


def _array(column: Column, values: Array) -> 'pyarrow.Array':
    import pyarrow
    if column.words:
        return pyarrow.DictionaryArray.from_arrays(
            pyarrow.array(values.astype('i1')), pyarrow.array(column.names))
    if column.dtype == TEXT:
        return pyarrow.array(values, pyarrow.string())
    return pyarrow.array(np.ascontiguousarray(values))
