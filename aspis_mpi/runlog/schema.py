"""Every data set of a run log, defined once: path, type, row, chunks.

Row t of every array belongs to row t of `/steps`.  Booleans are stored as
uint8; a *packed* row is `numpy.packbits` of the flattened matrix, whose
shape stands in the attribute `shape`.  Counts are uint16, seconds float64.
Evaluations, events, arrivals and changes of the order grow on their own.
"""

from dataclasses import dataclass
from math import prod

import h5py
import numpy as np

from aspis_mpi.schemes.record import ArrivalKind, Outcome

FORMAT = 'aspis-mpi-run'
VERSION = 1

#: Bytes of a chunk, and of the smallest row that is worth compressing.
CHUNK, COMPRESS = 1 << 16, 1 << 12
#: Counts are uint16; the host of each rank must fit into one attribute.
MOST_FILES, MOST_WORKERS = (1 << 16) - 1, 4000


def _enum(members):
    """Numbers of one byte whose names, in lower case, are in the file."""
    return h5py.enum_dtype({member.name.lower(): int(member)
                            for member in members}, basetype='u1')


VERDICT, KIND = _enum(Outcome), _enum(ArrivalKind)

STEP_COLUMNS = np.dtype([
    ('step', 'i8'), ('loss', 'f8'), ('lr', 'f8'), ('gradient_norm', 'f8'),
    ('residual', 'f8'), ('hidden_bias', 'f8'), ('verdict', VERDICT),
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

EVENT_COLUMNS = np.dtype([
    ('time', 'f8'), ('level', 'i2'), ('rank', 'i4'),
    ('text', h5py.string_dtype('utf-8', TEXT))])


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
    marked: bool = False        # rows that never reached the disk: step -1
    since: int = 1              # first version of the format that has it

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
        if size > CHUNK:
            return (1, *(CHUNK // self.stored_dtype.itemsize
                         for _ in stored))
        return (1 if size > COMPRESS else CHUNK // size, *stored)

    def create(self, file, n_files, n_workers):
        """Create the data set, without rows, in an open HDF5 file."""
        large = self.row_bytes(n_files, n_workers) > COMPRESS
        data = file.create_dataset(
            self.path, (0, *self.stored_shape(n_files, n_workers)),
            self.stored_dtype, chunks=self.chunks(n_files, n_workers),
            maxshape=(None, *self.stored_shape(n_files, n_workers)),
            compression='gzip' if large else None,
            compression_opts=1 if large else None,
            fillvalue=_unwritten(self.dtype) if self.marked else None)
        if self.packed:
            data.attrs['shape'] = self.shape(n_files, n_workers)
        return data

    def unpack(self, stored, n_files, n_workers):
        """Rows of the file, (n, ...), as a reader gets them."""
        if not self.packed:
            return stored.astype(bool) if self.dtype == bool else stored
        shape = self.shape(n_files, n_workers)
        bits = np.unpackbits(stored, axis=1, count=prod(shape))
        return bits.view(bool).reshape(len(stored), *shape)


def _unwritten(dtype):
    row = np.zeros((), dtype)
    row['step'] = -1
    return row


_BOOL, _COUNT = np.dtype(bool), np.dtype('u2')
_SECONDS = np.dtype('f8')

STEPS = DataSet('/steps', STEP_COLUMNS, marked=True)
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
EVENTS = DataSet('/events', EVENT_COLUMNS)

#: Written once: uint8 (f, K), and int32 (K, l) padded with -1.
INCIDENCE, ORDER = '/assignment/incidence', '/assignment/order'


def arrivals(load):
    """The data set of arrivals where a worker has at most `load` files.

    `finished` is a packed row of `load` bits: the positions of its order
    that the worker has finished.
    """
    return DataSet('/arrivals', np.dtype([
        ('step', 'i8'), ('worker', 'i2'), ('kind', KIND),
        ('files_done', 'u2'), ('seconds', 'f8'), ('bytes', 'u8'),
        ('finished', 'u1', (-(-load // 8),))]), marked=True)


def changes(n_workers, load):
    """The data set of changes of the order: from which step on, which."""
    return DataSet('/assignment/changes', np.dtype([
        ('step', 'i8'), ('order', 'i4', (n_workers, load))]))


def check_sizes(n_files, n_workers):
    """Raise a ValueError for an assignment that the log cannot hold."""
    if n_files > MOST_FILES:
        raise ValueError(f'the run log counts at most {MOST_FILES} files; '
                         f'this assignment has {n_files}')
    if n_workers > MOST_WORKERS:
        raise ValueError(f'the run log holds at most {MOST_WORKERS} workers; '
                         f'this assignment has {n_workers}')
