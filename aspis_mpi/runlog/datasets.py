"""Data sets and tables that grow: how their rows are stored and read.

Booleans are stored as uint8; a *packed* row is `numpy.packbits` of the
flattened matrix, whose shape stands in the attribute `shape`.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from aspis_mpi.arrays import Array

#: Whole rows of a table, with columns by name.
Rows = npt.NDArray[np.void]

#: Bytes of a chunk, and of the smallest row that is worth compressing.
CHUNK, COMPRESS = 1 << 16, 1 << 12
#: A column that versions before 4 have not.
TURN = 'turn'


@dataclass(frozen=True)
class DataSet:
    """One growing data set.

    `row` is the shape of a row, in which 'f' and 'K' stand for the numbers
    of files and workers; `dtype` is what a reader gets.
    """

    path: str
    dtype: np.dtype[Any]
    row: tuple[str | int, ...] = ()
    packed: bool = False
    marked: bool = False        # rows that never reached the disk: they
    #                             have -1 in their first column
    since: int = 1              # first version of the format that has it
    #: Columns of numbers with names, and these.
    names: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path, unique in a log."""
        return self.path.rpartition('/')[2]

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """The type in the file: booleans and packed bits are uint8."""
        return np.dtype('u1') if self.dtype == bool else self.dtype

    def shape(self, n_files: int, n_workers: int) -> tuple[int, ...]:
        """Shape of a row as a reader gets it."""
        sizes = {'f': n_files, 'K': n_workers}
        return tuple(sizes[side] if isinstance(side, str) else side
                     for side in self.row)

    def stored_shape(self, n_files: int, n_workers: int) -> tuple[int, ...]:
        """Shape of a row in the file: a packed one is a string of bytes."""
        shape = self.shape(n_files, n_workers)
        return (-(-prod(shape) // 8),) if self.packed else shape

    def row_bytes(self, n_files: int, n_workers: int) -> int:
        """Bytes of a row in the file, before compression."""
        stored = self.stored_shape(n_files, n_workers)
        return prod(stored) * self.stored_dtype.itemsize

    def chunks(self, n_files: int, n_workers: int) -> tuple[int, ...]:
        """Shape of a chunk: 64 kB of rows; of large rows one, or 64 kB of it.

        A compressed chunk is never written twice, so it holds one row: a
        kill while HDF5 moves such a chunk would cost all rows in it.
        """
        size = self.row_bytes(n_files, n_workers)
        stored = self.stored_shape(n_files, n_workers)
        if size <= CHUNK:
            return (1 if size >= COMPRESS else CHUNK // size, *stored)
        sides, room = [], CHUNK // self.stored_dtype.itemsize
        for side in reversed(stored):
            sides.append(min(side, max(1, room)))
            room //= sides[-1]
        return (1, *reversed(sides))

    def create(self, file: h5py.File, n_files: int,
               n_workers: int) -> h5py.Dataset:
        """Create the data set, without rows, in an open HDF5 file."""
        large = self.row_bytes(n_files, n_workers) >= COMPRESS
        data = file.create_dataset(
            self.path, (0, *self.stored_shape(n_files, n_workers)),
            self.stored_dtype, chunks=self.chunks(n_files, n_workers),
            maxshape=(None, *self.stored_shape(n_files, n_workers)),
            compression='gzip' if large else None,
            compression_opts=1 if large else None,
            fillvalue=_unwritten(self.dtype) if self.marked else None)
        if self.packed:
            data.attrs['shape'] = self.shape(n_files, n_workers)
        data.attrs.update(self.names)
        return data

    def unpack(self, stored: Array, n_files: int, n_workers: int) -> Array:
        """Rows of the file, (n, ...), as a reader gets them."""
        if self.dtype.names:
            return completed(stored, self.dtype)
        if not self.packed:
            return stored.astype(bool) if self.dtype == bool else stored
        shape = self.shape(n_files, n_workers)
        bits = np.unpackbits(stored, axis=1, count=prod(shape))
        return bits.view(bool).reshape(len(stored), *shape)

    @property
    def nothing(self) -> float:
        """Value in the rows of an older log: NaN, or 0 of other types."""
        return np.nan if self.dtype.kind == 'f' else 0

    def absent(self, n: int, n_files: int, n_workers: int) -> Array:
        """The n rows of an older log, as a reader gets them."""
        return np.full((n, *self.shape(n_files, n_workers)), self.nothing,
                       self.dtype)


@dataclass(frozen=True)
class RowTable:
    """A growing table, and a data set with an array or text for each row.

    Whoever reads gets the latter as the last column, in any version.
    """

    rows: DataSet
    beside: DataSet
    column: str                 # its name, for whoever reads

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a row as a reader gets it, and as version 1 had it."""
        item = self.beside
        return np.dtype([*self.rows.dtype.descr, (
            self.column, item.stored_dtype, item.stored_shape(0, 0))])

    def split(self, whole: Rows) -> tuple[Array, Array]:
        """Split whole rows into those of the two data sets."""
        names = list(self.rows.dtype.names or ())
        return (whole[names].astype(self.rows.dtype),
                np.ascontiguousarray(whole[self.column]))

    def count(self, file: h5py.File) -> int:
        """Number of rows of a file, each with what lies beside it."""
        if self.rows.path not in file:
            return 0
        # What lies beside reaches the disk before its row does.
        data = file[self.rows.path]
        return len(data) if self.column in data.dtype.names else min(
            len(data), len(file[self.beside.path]))

    def read(self, file: h5py.File, rows: slice) -> Rows:
        """Whole rows of a file of any version, for a slice of them."""
        if self.rows.path not in file:
            return np.empty(0, self.dtype)
        found = file[self.rows.path][rows]
        whole = completed(found, self.dtype)
        if self.column not in found.dtype.names:
            whole[self.column] = file[self.beside.path][rows]
        return whole


def completed(found: Rows, dtype: np.dtype[Any]) -> Rows:
    """Rows with all columns, as a reader gets them.

    A column that an earlier version has not is 0, but turns are steps.
    """
    if found.dtype == dtype:
        return found
    whole, given = np.zeros(len(found), dtype), found.dtype.names or ()
    for name in given:
        whole[name] = found[name]
    if TURN in (dtype.names or ()) and TURN not in given:
        whole[TURN] = found['step']
    return whole


def _unwritten(dtype: np.dtype[Any]) -> Array:
    row = np.zeros((), dtype)
    first, *_ = dtype.names or ()
    row[first] = -1
    return row
