"""Every data set of a run log, defined once: path, type, row, chunks.

Row t of every array belongs to row t of `/steps`.  Counts are uint16,
seconds float64.  Evaluations, events, exposures, arrivals and changes of the
order grow on their own.

Many tools leave out a table, or worse, where a column is an enumeration, an
array or a text.  So columns are plain numbers.  What those of verdicts,
kinds, proofs and codes are called stands in an attribute of their table,
named as the column: the names in the order of the numbers, with blanks
between them.  An array or a text for each row of a table lies beside it, row
i of it with row i of the table:

    /events               /events_text           UTF-8, filled up with zeros
    /exposures            /exposures_text        likewise
    /tensors              /tensors_name          likewise
    /starts               /starts_places         likewise (K + 1, 2)
    /arrivals             /arrivals_finished     packed (load,)
    /assignment/changes   /assignment/orders     int32 (K, load)

Version 1 had these as the last columns of their tables, `text`, `finished`
and `order`, and verdicts and kinds as enumerations; `hosts` could be empty.
Version 2 had neither exposures nor codes of events: there only sentences say
which proof there is against whom, and no reader looks into sentences.
Version 3 had no turns, which were the steps: none was ever done again.

A run that goes back does steps again.  Then their rows of `/steps` and of all
arrays beside are cut, also those of `/evaluation`; arrivals, draws and
exposures of undone turns stay, and `/rollbacks` says which turns those are.
"""

from collections.abc import Iterable
from enum import IntEnum

import h5py
import numpy as np

from aspis_mpi.assignment.base import MOST_FILES
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.runlog.datasets import DataSet, RowTable
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import ArrivalKind, Cause, DrawKind, Outcome

FORMAT = 'aspis-mpi-run'
VERSION = 4

#: Root attributes that say which checkpoint of the run is the last one on
#: the disk, by its number of steps, and in which folder it was written.
LAST_CHECKPOINT, CHECKPOINTS_IN = 'last_checkpoint', 'checkpoints_in'
#: There is none yet.
NO_CHECKPOINT = -1

#: Counts are uint16, up to `MOST_FILES`; the host of each rank must fit into
#: one attribute.
MOST_WORKERS = 4000


def _names(members: Iterable[IntEnum]) -> str:
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
    ('seconds_update', 'f8'), ('seconds_step', 'f8'), ('turn', 'i8'),
    ('files_checked', 'u2'), ('clipped', 'f8'), ('scale', 'f8')])

EVALUATION_COLUMNS = np.dtype([
    ('step', 'i8'), ('seconds', 'f8'), ('loss', 'f8'), ('accuracy', 'f8')])

#: Bytes of a text, at most: texts of any length would lie where a kill may
#: lose them all.
TEXT = 4096
#: Bytes of the name of a tensor, of a host, of a device.
NAME = 256

#: Who names the hosts of a run: nobody, the ranks themselves, the simulator,
#: and launchers, which alone can be believed.
LAUNCHERS = 'slurm', 'pmix', 'open-mpi', 'hydra'
SOURCES = ('unknown', 'ranks', 'simulated', *LAUNCHERS)

EVENT_COLUMNS = np.dtype([
    ('time', 'f8'), ('level', 'i2'), ('rank', 'i4'), ('code', 'u1')])

EXPOSURE_COLUMNS = np.dtype([
    ('step', 'i8'), ('since', 'i8'), ('worker', 'i2'), ('proof', 'u1'),
    ('turn', 'i8')])

TENSOR_COLUMNS = np.dtype([
    ('step', 'i8'), ('worker', 'i2'), ('proof', 'u1'), ('distance', 'f8'),
    ('entries', 'i8'), ('size', 'i8'), ('turn', 'i8')])

ROLLBACK_COLUMNS = np.dtype([
    ('turn', 'i8'), ('seconds', 'f8'), ('start', 'i8'), ('end', 'i8'),
    ('undone', 'i8'), ('wrong', 'i8'), ('cause', 'u1')])

START_COLUMNS = np.dtype([
    ('step', 'i8'), ('began', 'f8'), ('events', 'i8'), ('exposures', 'i8'),
    ('source', 'u1')])

DRAW_COLUMNS = np.dtype([
    ('step', 'i8'), ('turn', 'i8'), ('epoch', 'u2'), ('kind', 'u1'),
    ('seed_low', 'u8'), ('seed_high', 'u8'), ('worker', 'i2'),
    ('checks', 'i4')])

ARRIVAL_COLUMNS = np.dtype([
    ('step', 'i8'), ('worker', 'i2'), ('kind', 'u1'), ('files_done', 'u2'),
    ('seconds', 'f8'), ('bytes', 'u8'), ('turn', 'i8')])

#: Units of columns and arrays, by the beginning of their names; what has none
#: is a count, a number of something, or a number without a unit.
UNITS = {'seconds': 's', 'time': 's', 'began': 's', 'first_report': 's',
         'last_report': 's', 'account': 's', 'bytes': 'bytes'}

_BOOL, _COUNT = np.dtype(bool), np.dtype('u2')
_SECONDS = np.dtype('f8')
_TEXT = h5py.string_dtype('utf-8', TEXT)

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
ROLLBACKS = DataSet('/rollbacks', ROLLBACK_COLUMNS, marked=True, since=4,
                    names=(('cause', _names(Cause)),))
DRAWS = DataSet('/draws', DRAW_COLUMNS, marked=True, since=4,
                names=(('kind', _names(DrawKind)),))
EVENTS = RowTable(
    DataSet('/events', EVENT_COLUMNS, marked=True,
            names=(('code', _names(EventCode)),)),
    DataSet('/events_text', _TEXT, since=2), 'text')
EXPOSURES = RowTable(
    DataSet('/exposures', EXPOSURE_COLUMNS, marked=True, since=3,
            names=(('proof', _names(ProofKind)),)),
    DataSet('/exposures_text', _TEXT, since=3), 'text')
TENSORS = RowTable(
    DataSet('/tensors', TENSOR_COLUMNS, marked=True, since=3,
            names=(('proof', _names(ProofKind)),)),
    DataSet('/tensors_name', h5py.string_dtype('utf-8', NAME), since=3),
    'name')

#: Of a table that depends on the number of workers.
STARTS = '/starts'
#: Written once: uint8 (f, K), and int32 (K, l) padded with -1.
INCIDENCE, ORDER = '/assignment/incidence', '/assignment/order'
#: Likewise, int64 (f,) and int32 (f,): samples of each file, and the number
#: of the whole file of which it is a node.  Older logs have neither.
SAMPLES, WHOLES = '/assignment/samples', '/assignment/wholes'


def arrivals(load: int) -> RowTable:
    """The table of arrivals where a worker has at most `load` files.

    `finished` are `load` bits, packed: the positions of its order that the
    worker has finished.
    """
    return RowTable(
        DataSet('/arrivals', ARRIVAL_COLUMNS, marked=True,
                names=(('kind', _names(ArrivalKind)),)),
        DataSet('/arrivals_finished', _BOOL, (load,), packed=True, since=2),
        'finished')


def changes(n_workers: int, load: int) -> RowTable:
    """The table of changes of the order: from which step on, which."""
    return RowTable(
        DataSet('/assignment/changes', np.dtype([('step', 'i8')]),
                marked=True),
        DataSet('/assignment/orders', np.dtype('i4'), (n_workers, load),
                since=2),
        'order')


def starts(n_workers: int) -> RowTable:
    """The table of places: where the ranks were from which start on.

    Beside each row lie the host and the device of every rank.
    """
    return RowTable(
        DataSet(STARTS, START_COLUMNS, marked=True, since=4,
                names=(('source', ' '.join(SOURCES)),)),
        DataSet(f'{STARTS}_places', h5py.string_dtype('utf-8', NAME),
                (n_workers + 1, 2), since=4),
        'places')


def check_sizes(n_files: int, n_workers: int) -> None:
    """Raise a ValueError for an assignment that the log cannot hold."""
    if n_files > MOST_FILES:
        raise ValueError(f'the run log counts at most {MOST_FILES} files; '
                         f'this assignment has {n_files}')
    if n_workers > MOST_WORKERS:
        raise ValueError(f'the run log holds at most {MOST_WORKERS} workers; '
                         f'this assignment has {n_workers}')


def unit(name: str) -> str:
    """Unit of a column, or of an array by its name; '' of most.

    >>> unit('seconds_wait'), unit('bytes_in'), unit('epochs')
    ('s', 'bytes', '')
    """
    return next((unit for beginning, unit in UNITS.items()
                 if name.startswith(beginning)), '')


def seed(value: int) -> int | str:
    """A seed as an attribute: a number of 64 bits, or its digits.

    >>> seed(7), seed(2 ** 64)
    (7, '18446744073709551616')
    """
    return value if -2 ** 63 <= value < 2 ** 64 else str(value)
