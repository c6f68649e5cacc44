"""Tables of plain columns, into which a log is taken apart for other tools.

A table has one row for each thing that its name says: an array of the log
with an entry for each worker becomes a column of `workers`, whose rows are a
step and a worker each; of arrays of bits there is a row for each that is set.
Rows come a few thousand at a time, so that of a long log little is in memory.

In a run of several parts each part has its own workers and files: a row says
in its last column of which part it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import starmap
from typing import Any

import numpy as np

from aspis_mpi.arrays import Array
from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.columns import (
    TEXT, Column, key, of_array, of_table, of_text)
from aspis_mpi.runlog.view import WINDOW, View

#: Some rows of a table: an array for each column.
Batch = tuple[Array, ...]
#: A `Run`; its module needs this one.
Part = Any

#: Rows of a batch, about.
ROWS = 1 << 16

STEP = key('step', 'i8', 'Number of the step, from 0.')
WORKER = key('worker', 'i2', 'Whose it is, from 0.')
FILE = key('file', 'i4', 'Number of the file, from 0.')
UNDONE = key('undone', '?', 'True if the run went back to before this step '
             'later, so that nothing else of it stayed.')
PART = key('part', 'i2', 'Part of the run, from 1: a run that came back with '
           'another number of ranks has several, of which each has its own '
           'workers and files.')


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes
    ----------
    name : str
    row : str
        What a row is, in a sentence.
    own : tuple of Column
        All but `part`.
    rows : callable
        Gives batches of the columns of `own` for a `Run`.
    index : tuple of str
        Columns that no two rows have alike, where there are such.
    """

    name: str
    row: str
    own: tuple[Column, ...]
    rows: Callable[[Part], Iterator[Batch]]
    index: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns."""
        return (*self.own, PART)

    def batches(self, run: View) -> Iterator[Batch]:
        """The rows of a run, part after part.

        Raises
        ------
        RunLogError
            They cannot be read.
        """
        for number, part in enumerate(run.parts, 1):
            for batch in self.rows(part):
                yield (*starmap(self._checked(part), zip(self.own, batch)),
                       np.full(len(batch[0]), number, PART.dtype))

    def _checked(self, part: Part) -> Callable[[Column, Array], Array]:
        """Columns with their types, whose numbers have their names."""
        def check(column: Column, found: Array) -> Array:
            values = np.asarray(found).astype(column.dtype, copy=False)
            if column.words and values.max(initial=0) >= len(column.words):
                raise RunLogError(
                    f'{part.path} is damaged: the column {column.name} of '
                    f'{self.name} has the number {values.max()}, which has '
                    'no name')
            return values
        return check


def _spans(run: Part, size: int) -> Iterator[tuple[slice, Array]]:
    """Stretches of steps that have so many entries each, and their numbers."""
    span = max(1, min(ROWS, WINDOW // max(1, size)))
    for start in range(0, run.n_steps, span):
        steps = slice(start, min(start + span, run.n_steps))
        yield steps, _read(run, 'steps', steps)['step']


def _read(run: Part, name: str, steps: slice) -> Array:
    """Rows of a data set, all of them."""
    found = run.read(name, steps)
    if len(found) < steps.stop - steps.start:
        raise RunLogError(f'{run.path} went back to an earlier step while it '
                          'was read; what it has now can be read anew')
    return found


def _steps(run: Part) -> Iterator[Batch]:
    for steps, _ in _spans(run, WINDOW // ROWS):
        rows = _read(run, 'steps', steps)
        yield (*_columns(rows), *_read(run, 'margin', steps).T)


def _entries(names: tuple[str, ...]) -> Callable[[Part], Iterator[Batch]]:
    """A row for each entry of arrays (T, n), which have one shape."""
    def rows(run: Part) -> Iterator[Batch]:
        sizes = run.n_files, run.n_workers
        size, = schema.ROWS[names[0]].shape(*sizes)
        for steps, numbers in _spans(run, size * (WINDOW // ROWS)):
            yield (np.repeat(numbers, size),
                   np.tile(np.arange(size), len(numbers)),
                   *(_read(run, name, steps).reshape(-1) for name in names))
    return rows


def _bits(name: str, once: bool = False) -> Callable[[Part], Iterator[Batch]]:
    """A row for each bit that is set in an array (T, n, m).

    `once` leaves out what a symmetric one says for the second time.
    """
    def rows(run: Part) -> Iterator[Batch]:
        sizes = schema.ROWS[name].shape(run.n_files, run.n_workers)
        for steps, numbers in _spans(run, sizes[0] * sizes[1]):
            bits = _read(run, name, steps)
            places = np.nonzero(np.triu(bits, 1) if once else bits)
            yield numbers[places[0]], places[1], places[2]
    return rows


def _columns(rows: Array) -> Batch:
    """The columns of a structured array."""
    return tuple(rows[name] for name in rows.dtype.names or ())


def _in_columns(rows: list[Any], own: tuple[Column, ...]) -> Batch:
    """Rows, tuples that are few, as columns."""
    columns = zip(*rows) if rows else ((),) * len(own)
    return tuple(_array(list(values), column.dtype)
                 for values, column in zip(columns, own))


def _array(values: list[Any], dtype: np.dtype[Any]) -> Array:
    found = np.empty(len(values), dtype)
    found[:] = values
    return found


def _evaluations(run: Part) -> Iterator[Batch]:
    yield _columns(run.evaluation)


def _events(run: Part) -> Iterator[Batch]:
    yield _in_columns([(it.time, it.level, it.rank, it.code, it.text)
                       for it in run.events], EVENTS)


def _exposures(run: Part) -> Iterator[Batch]:
    yield _in_columns([(it.step, it.since, it.worker, it.proof, it.turn,
                        it.text) for it in run.exposures], EXPOSURES)


def _tensors(run: Part) -> Iterator[Batch]:
    yield _in_columns(
        [(it.step, it.worker, it.proof, one.distance, one.entries, one.size,
          it.turn, one.tensor) for it in run.exposures for one in it.tensors],
        TENSORS)


def _starts(run: Part) -> Iterator[Batch]:
    yield _in_columns([(it.step, it.began, it.events, it.exposures,
                        schema.SOURCES.index(it.source))
                       for it in run.starts], STARTS)


def _places(run: Part) -> Iterator[Batch]:
    yield _in_columns([(number, rank, *place)
                       for number, it in enumerate(run.starts)
                       for rank, place in enumerate(zip(it.hosts, it.devices))
                       ], PLACES)


def _rollbacks(run: Part) -> Iterator[Batch]:
    yield _in_columns([(it.turn, it.seconds, it.start, it.end, it.undone,
                        it.wrong, it.cause) for it in run.rollbacks],
                      ROLLBACKS)


def _draws(run: Part) -> Iterator[Batch]:
    rows = run.draws
    yield *_columns(rows), run.undone(rows)


def _arrivals(run: Part) -> Iterator[Batch]:
    for window in run.arrival_windows():
        for start in range(0, len(window), ROWS):
            rows = window[start:start + ROWS]
            *plain, _ = _columns(rows)
            yield *plain, _marks(run.finished(rows)), run.undone(rows)


def _marks(finished: Array) -> Array:
    """A word for each row of bits: x is set, a point is not."""
    rows, places = np.unique(np.packbits(finished, axis=1), axis=0,
                             return_inverse=True)
    bits = np.unpackbits(rows, axis=1, count=finished.shape[1])
    words = [''.join('x' if bit else '.' for bit in row) for row in bits]
    return _array(words, TEXT)[places.reshape(-1)]


def _orders(run: Part) -> Iterator[Batch]:
    for step, order in run.orders:
        workers, positions = np.nonzero(order >= 0)
        yield (np.full(len(workers), step), workers, positions,
               order[workers, positions])


#: Arrays with an entry for each worker, and for each file.
OF_WORKERS, OF_FILES = (
    tuple(it for it in (*schema.RECORD, *schema.TRUTH) if it.row == row)
    for row in (('K',), ('f',)))

MARGINS = (
    key('margin_supporting', 'f8', 'Largest distance of two values that '
        'support each other; NaN if there are none.'),
    key('margin_disagreeing', 'f8', 'Smallest distance of two values that '
        'disagree; NaN if there are none.'))
EVENTS = (*of_table(schema.EVENTS.rows),
          of_text(schema.EVENTS.beside.path, 'text'))
EXPOSURES = (*of_table(schema.EXPOSURES.rows),
             of_text(schema.EXPOSURES.beside.path, 'text'))
TENSORS = (*of_table(schema.TENSORS.rows),
           of_text(schema.TENSORS.beside.path, 'name'))
STARTS = of_table(schema.starts(0).rows)
PLACES = (key('start', 'i4', 'Row of `starts`, from 0.'),
          key('rank', 'i4', '0 is the server, worker j is rank j + 1.'),
          key('host', 'O', 'Where it was; empty if nobody says.'),
          key('device', 'O', 'What it computes on, by its own word; empty '
              'where that is the processor.'))
ROLLBACKS = of_table(schema.ROLLBACKS)

TABLES = {table.name: table for table in (
    Table('steps', 'A step, as it was done last.',
          (*of_table(schema.STEPS), *MARGINS), _steps, ('step',)),
    Table('workers', 'A worker in a step.',
          (STEP, WORKER, *map(of_array, OF_WORKERS)),
          _entries(tuple(it.name for it in OF_WORKERS)), ('step', 'worker')),
    Table('files', 'A file in a step.',
          (STEP, FILE, *map(of_array, OF_FILES)),
          _entries(tuple(it.name for it in OF_FILES)), ('step', 'file')),
    Table('contributors', 'A worker whose value of a file was used in a '
          'step.', (STEP, FILE, WORKER), _bits('contributors')),
    Table('lies', 'A worker that was told to lie on a file in a step, sent '
          'or not.', (STEP, FILE, WORKER), _bits('lies')),
    Table('disagreements', 'Two workers that disagreed in a step.',
          (STEP, WORKER, key('other', 'i2', 'The other one, which has the '
                             'higher number.')),
          _bits('disagreements', once=True)),
    Table('evaluation', 'An evaluation on the held-out samples.',
          of_table(schema.EVALUATION), _evaluations),
    Table('events', 'What a person should read.', EVENTS, _events),
    Table('exposures', 'A worker that was proved wrong, and how.', EXPOSURES,
          _exposures),
    Table('tensors', 'A tensor in which an exposed worker was wrong.',
          TENSORS, _tensors),
    Table('starts', 'A time that the run began, went on or went back.',
          STARTS, _starts),
    Table('places', 'A rank, from a start of the run on.', PLACES, _places),
    Table('rollbacks', 'A time that the run went back to an earlier step.',
          ROLLBACKS, _rollbacks),
    Table('draws', 'Something that the server drew by chance.',
          (*of_table(schema.DRAWS), UNDONE), _draws),
    Table('arrivals', 'Something that the server took note of; only with '
          '`log.detail = "arrivals"`.',
          (*of_table(schema.arrivals(0).rows),
           key('finished', 'O', 'A letter for each position of its order: x '
               'where the worker had finished it, else a point.'), UNDONE),
          _arrivals),
    Table('orders', 'A file that a worker has to compute, from a step on.',
          (key('step', 'i8', 'The first step with this order.'), WORKER,
           key('position', 'i4', 'In the order of its computing, from 0.'),
           FILE), _orders),
)}
