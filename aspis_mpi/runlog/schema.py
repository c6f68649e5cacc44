"""Every data set of a run log, defined once: path, type, row, chunks.

Row t of every array belongs to row t of `/steps`.  Booleans are stored as
uint8; a *packed* row is `numpy.packbits` of the flattened matrix, whose
shape stands in the attribute `shape`.  Counts are uint16, seconds float64.
Evaluations, events, arrivals and changes of the order grow on their own.

Many tools leave out a table, or worse, where a column is an enumeration, an
array or a text.  So columns are plain numbers.  What verdicts and kinds are
called stands in an attribute of their table, named as the column: the names
in the order of the numbers, with blanks between them.  An array or a text
for each row of a table lies beside it, row i of it with row i of the table:

    /events               /events_text           UTF-8, filled up with zeros
    /arrivals             /arrivals_finished     packed (load,)
    /assignment/changes   /assignment/orders     int32 (K, load)

Version 1 had these as the last columns of their tables, `text`, `finished`
and `order`, and verdicts and kinds as enumerations; `hosts` could be empty.
"""

from dataclasses import dataclass
from math import prod

import h5py
import numpy as np

from aspis_mpi.schemes.record import ArrivalKind, Outcome

FORMAT = 'aspis-mpi-run'
VERSION = 2

#: Root attributes that say which checkpoint of the run is the last one on
#: the disk, by its number of steps, and in which folder it was written.
LAST_CHECKPOINT, CHECKPOINTS_IN = 'last_checkpoint', 'checkpoints_in'
#: There is none yet.
NO_CHECKPOINT = -1

#: Bytes of a chunk, and of the smallest row that is worth compressing.
CHUNK, COMPRESS = 1 << 16, 1 << 12
#: Counts are uint16; the host of each rank must fit into one attribute.
MOST_FILES, MOST_WORKERS = (1 << 16) - 1, 4000


def _names(members):
    """Names of the numbers 0, 1 ..., in lower case."""
    return ' '.join(member.name.lower() for member in sorted(members))


STEP_COLUMNS = np.dtype([
    ('step', 'i8'), ('loss', 'f8'), ('lr', 'f8'), ('gradient_norm', 'f8'),
    ('residual', 'f8'), ('hidden_bias', 'f8'), ('verdict', 'u1'),
    ('epochs', 'u2'), ('audits', 'u2'), ('n_flagged', 'u2'),
    ('n_excluded', 'u2'), ('files_certified', 'u2'),
    ('files_presumed', 'u2'), ('files_dropped', 'u2'),
    ('files_missing', 'u2'), ('bytes_in', 'u8'), ('bytes_out', 'u8'),
    ('messages', 'u8'), ('seconds_wait', 'f8'), ('seconds_transfer', 'f8'),
    ('seconds_detect', 'f8'), ('seconds_aggregate', 'f8'),
    ('seconds_update', 'f8'), ('seconds_step', 'f8')])

EVALUATION_COLUMNS = np.dtype([
    ('step', 'i8'), ('seconds', 'f8'), ('loss', 'f8'), ('accuracy', 'f8')])

#: Bytes of the text of an event, at most: texts of any length would lie
#: where a kill may lose them all.
TEXT = 4096

EVENT_COLUMNS = np.dtype([('time', 'f8'), ('level', 'i2'), ('rank', 'i4')])

ARRIVAL_COLUMNS = np.dtype([
    ('step', 'i8'), ('worker', 'i2'), ('kind', 'u1'), ('files_done', 'u2'),
    ('seconds', 'f8'), ('bytes', 'u8')])


@dataclass(frozen=True)
class DataSet:
    """One growing data set.

    `row` is the shape of a row, in which 'f' and 'K' stand for the numbers
    of files and workers; `dtype` is what a reader gets.
    """

    path: str
    dtype: np.dtype
    row: tuple = ()
    packed: bool = False
    marked: bool = False        # rows that never reached the disk: they
    #                             have -1 in their first column
    since: int = 1              # first version of the format that has it
    names: tuple = ()           # columns of numbers with names, and these

    @property
    def name(self):
        """The last part of the path, unique in a log."""
        return self.path.rpartition('/')[2]

    @property
    def stored_dtype(self):
        """The type in the file: booleans and packed bits are uint8."""
        return np.dtype('u1') if self.dtype == bool else self.dtype

    def shape(self, n_files, n_workers):
        """Shape of a row as a reader gets it."""
        sizes = {'f': n_files, 'K': n_workers}
        return tuple(sizes.get(side, side) for side in self.row)

    def stored_shape(self, n_files, n_workers):
        """Shape of a row in the file: a packed one is a string of bytes."""
        shape = self.shape(n_files, n_workers)
        return (-(-prod(shape) // 8),) if self.packed else shape

    def row_bytes(self, n_files, n_workers):
        """Bytes of a row in the file, before compression."""
        stored = self.stored_shape(n_files, n_workers)
        return prod(stored) * self.stored_dtype.itemsize

    def chunks(self, n_files, n_workers):
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

    def create(self, file, n_files, n_workers):
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

    def unpack(self, stored, n_files, n_workers):
        """Rows of the file, (n, ...), as a reader gets them."""
        if not self.packed:
            return stored.astype(bool) if self.dtype == bool else stored
        shape = self.shape(n_files, n_workers)
        bits = np.unpackbits(stored, axis=1, count=prod(shape))
        return bits.view(bool).reshape(len(stored), *shape)

    @property
    def nothing(self):
        """What the rows of an older log hold: NaN, or 0 of other types."""
        return np.nan if self.dtype.kind == 'f' else 0

    def absent(self, n, n_files, n_workers):
        """The n rows of an older log, as a reader gets them."""
        return np.full((n, *self.shape(n_files, n_workers)), self.nothing,
                       self.dtype)


@dataclass(frozen=True)
class Table:
    """A growing table, and a data set with an array or text for each row.

    Whoever reads gets the latter as the last column, in any version.
    """

    rows: DataSet
    beside: DataSet
    column: str                 # its name, for whoever reads

    @property
    def dtype(self):
        """Of a row as a reader gets it, and as version 1 had it."""
        item = self.beside
        return np.dtype([*self.rows.dtype.descr, (
            self.column, item.stored_dtype, item.stored_shape(0, 0))])

    def split(self, whole):
        """What the two data sets hold of whole rows."""
        names = self.rows.dtype.names
        return (whole[list(names)].astype(self.rows.dtype),
                np.ascontiguousarray(whole[self.column]))

    def count(self, file):
        """How many rows a file has, each with what lies beside it."""
        if self.rows.path not in file:
            return 0
        # What lies beside reaches the disk before its row does.
        data = file[self.rows.path]
        return len(data) if self.column in data.dtype.names else min(
            len(data), len(file[self.beside.path]))

    def read(self, file, rows):
        """Whole rows of a file of any version, for a slice of them."""
        if self.rows.path not in file:
            return np.empty(0, self.dtype)
        found = file[self.rows.path][rows]
        if self.column in found.dtype.names:
            return found.view(self.dtype)
        whole = np.empty(len(found), self.dtype)
        for name in found.dtype.names:
            whole[name] = found[name]
        whole[self.column] = file[self.beside.path][rows]
        return whole


def _unwritten(dtype):
    row = np.zeros((), dtype)
    row[dtype.names[0]] = -1
    return row


_BOOL, _COUNT = np.dtype(bool), np.dtype('u2')
_SECONDS = np.dtype('f8')

STEPS = DataSet('/steps', STEP_COLUMNS, marked=True,
                names=(('verdict', _names(Outcome)),))
#: Rows of these come from a `StepRecord`, whose fields have their names.
RECORD = (
    DataSet('/detection/flagged', _BOOL, ('K',)),
    DataSet('/detection/exposed', _BOOL, ('K',)),
    DataSet('/detection/excluded', _BOOL, ('K',)),
    DataSet('/detection/disagreements', _BOOL, ('K', 'K'), packed=True),
    DataSet('/detection/margin', np.dtype('f8'), (2,)),
    DataSet('/resolution/source', np.dtype('i2'), ('f',)),
    DataSet('/resolution/contributors', _BOOL, ('f', 'K'), packed=True),
    DataSet('/resolution/copies', _COUNT, ('f',)),
    DataSet('/progress/files_done', _COUNT, ('K',)),
    DataSet('/progress/first_report', _SECONDS, ('K',)),
    DataSet('/progress/last_report', _SECONDS, ('K',)),
    DataSet('/progress/late', _BOOL, ('K',), since=2),
    DataSet('/progress/account', _SECONDS, ('K',), since=2),
)
#: Rows of these come from the job; the server never sees them.
TRUTH = (
    DataSet('/truth/adversaries', _BOOL, ('K',)),
    DataSet('/truth/lies', _BOOL, ('f', 'K'), packed=True),
    DataSet('/truth/payload_lies', _BOOL, ('K',)),
    DataSet('/truth/dawdles', _BOOL, ('K',), since=2),
)
#: Every data set with one row a step, by name.
ROWS = {item.name: item for item in (STEPS, *RECORD, *TRUTH)}

#: These grow on their own.
EVALUATION = DataSet('/evaluation', EVALUATION_COLUMNS)
EVENTS = Table(
    DataSet('/events', EVENT_COLUMNS, marked=True),
    DataSet('/events_text', h5py.string_dtype('utf-8', TEXT), since=2),
    'text')

#: Written once: uint8 (f, K), and int32 (K, l) padded with -1.
INCIDENCE, ORDER = '/assignment/incidence', '/assignment/order'


def arrivals(load):
    """The table of arrivals where a worker has at most `load` files.

    `finished` are `load` bits, packed: the positions of its order that the
    worker has finished.
    """
    return Table(
        DataSet('/arrivals', ARRIVAL_COLUMNS, marked=True,
                names=(('kind', _names(ArrivalKind)),)),
        DataSet('/arrivals_finished', _BOOL, (load,), packed=True, since=2),
        'finished')


def changes(n_workers, load):
    """The table of changes of the order: from which step on, which."""
    return Table(
        DataSet('/assignment/changes', np.dtype([('step', 'i8')]),
                marked=True),
        DataSet('/assignment/orders', np.dtype('i4'), (n_workers, load),
                since=2),
        'order')


def check_sizes(n_files, n_workers):
    """Raise a ValueError for an assignment that the log cannot hold."""
    if n_files > MOST_FILES:
        raise ValueError(f'the run log counts at most {MOST_FILES} files; '
                         f'this assignment has {n_files}')
    if n_workers > MOST_WORKERS:
        raise ValueError(f'the run log holds at most {MOST_WORKERS} workers; '
                         f'this assignment has {n_workers}')


def seed(value):
    """A seed as an attribute: a number of 64 bits, or its digits.

    >>> seed(7), seed(2 ** 64)
    (7, '18446744073709551616')
    """
    return value if -2 ** 63 <= value < 2 ** 64 else str(value)
