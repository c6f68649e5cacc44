"""The one writer of a run log, on rank 0.

Rows are buffered in memory and written in blocks.  All arrays go to the
disk before the rows of `/steps` that announce them, so that a log whose
writer was killed at any moment holds every row that `/steps` names.  In the
same way the rows of another table announce what lies beside them.
"""

import os
import time
from datetime import datetime
from importlib import metadata
from itertools import chain
from operator import attrgetter
from pathlib import Path
from uuid import uuid4

import h5py
import numpy as np

from aspis_mpi.errors import Unwritable
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.claims import Claim, claim, real
from aspis_mpi.runlog.datasets import CHUNK
from aspis_mpi.runlog.stretch import BEGINNING, copy
from aspis_mpi.words import reason

#: A block holds this many rows, or what fits into this many bytes.
BLOCK_ROWS, BLOCK_BYTES = 64, 4 << 20
#: Arrivals that wait for the next flush; one more brings it about.
MOST_ARRIVALS = 100_000

CLOCKS = ('wall', 'virtual')

#: Two columns of `/steps` are counts of what the record holds as arrays.
_NAMES = schema.STEP_COLUMNS.names
_BEFORE = attrgetter(*_NAMES[:_NAMES.index('n_flagged')])
_AFTER = attrgetter(*_NAMES[_NAMES.index('n_excluded') + 1:])
#: Of an arrival, in the order of the columns of `/arrivals`.
_OF_ARRIVAL = attrgetter('step', 'worker', 'kind', 'files_done', 'seconds',
                         'nbytes', 'finished')


class RunLog:
    """A run log being written.

    Parameters
    ----------
    path : str or Path
        Its directory is made when it is missing; a link stays one.
    assignment : Assignment
    job : str
        The complete job as TOML.
    seed : int
    parameters : int
        d, numbers in a gradient.
    mpi : str
        The MPI library and its version; empty in a simulated run.
    hosts : list of str
        Host of each rank.
    hosts_from : str
        Who says them: 'slurm', 'pmix', 'open-mpi' or 'hydra', the
        launcher; 'ranks', each of itself; 'simulated'.
    clock : str
        'wall' or 'virtual': which clock the seconds of the rows count.
    flush_seconds : float
        A kill loses at most the rows of so many seconds.
    overwrite : bool
        Whether an existing file is replaced.
    stretch : Stretch
        Where in a run the log begins, or goes on.
    checkpoints : str
        The folder of the run's checkpoints, where it has one.
    claimed : Claim, optional
        Of the path, where the caller has it; it is closed with the log.
    inputs : str
        Digests of the files that the job names, as TOML; may be empty.
    without : list of int
        Workers that get no work, as they have another job.

    Raises
    ------
    FileExistsError
        The file exists and is not to be overwritten.
    ValueError
        The assignment is larger than the counts of a row can hold.
    InUse
        Another process is writing the file.
    Unwritable
        Also later, wherever something is written out.  What is in the file
        can be read then, and nothing more is written.
    """

    def __init__(self, path, assignment, *, job, seed, parameters, mpi, hosts,
                 hosts_from='ranks', clock='wall', flush_seconds=1.0,
                 overwrite=False, stretch=BEGINNING, checkpoints='',
                 claimed=None, inputs='', without=()):
        self.path = Path(path)
        self.flush_seconds = flush_seconds
        self._sizes = assignment.n_files, assignment.n_workers
        _check(*self._sizes, clock, flush_seconds)

        # Without HDF5's lock others may read the log while it grows, and
        # it can lie on a file system that has none.  A new one gets its
        # name when it is whole: a kill leaves none that cannot be read.
        self._claim, before = self._make_room(overwrite or stretch.goes_on,
                                              claimed)
        # Rows are only appended: of each data set the last chunk is enough.
        self._file = h5py.File(self._claim.place, 'w', locking=False,
                               rdcc_nbytes=2 * CHUNK)
        self._trouble = ''
        try:
            self._lay_out(assignment)
            if stretch.goes_on:
                copy(self.path, self._file, stretch.step, self._own)
            self._describe(job, seed, parameters, mpi, hosts, hosts_from,
                           clock, stretch, checkpoints)
            self._tell(inputs, without)
            self._allocate()
            self.sync()
        except BaseException as error:
            self._let_go(error)
            self._shut()
            self._claim.close()
            raise
        self._claim.place.replace(real(self.path))
        if before is not None:
            before.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def append(self, record, adversaries, lies, payload_lies, dawdles):
        """Buffer the row of one step.

        Parameters
        ----------
        record : StepRecord
        adversaries : array of bool, shape (K,)
        lies : array of bool, shape (f, K)
            Who was told to lie on which file, sent or not.
        payload_lies : array of bool, shape (K,)
            Who lies in its coded vector or sum.
        dawdles : array of bool, shape (K,)
            Who lets its answers wait.
        """
        if self._filled == self._capacity:
            self.flush()
        row = self._filled
        self._steps[row] = (
            *_BEFORE(record), np.count_nonzero(record.flagged),
            np.count_nonzero(record.excluded), *_AFTER(record))
        arrays = (*self._of_record(record), adversaries, lies, payload_lies,
                  dawdles)
        for block, packed, array in zip(self._blocks, self._packed, arrays):
            block[row] = np.packbits(array) if packed else array
        self._filled += 1

    def evaluation(self, evaluation):
        """Buffer one `Evaluation`."""
        self._evaluations.append((evaluation.step, evaluation.seconds,
                                  evaluation.loss, evaluation.accuracy))

    def event(self, event):
        """Buffer one `Event`."""
        self._events.append((event.time, event.level, event.rank, event.code,
                             _storable(event.text)))

    def exposure(self, exposure):
        """Buffer one `ExposureRecord`, before the row of its step."""
        self._exposures.append((
            exposure.step, exposure.since, exposure.worker, exposure.proof,
            _storable(exposure.text)))

    def arrivals(self, arrivals):
        """Buffer many `Arrival`s, in the order in which they were handled.

        Those of a step come before its row: a log that was cut off then
        holds all arrivals of every step that it names.

        Parameters
        ----------
        arrivals : iterable of Arrival
        """
        self._arrivals.extend(arrivals)
        if len(self._arrivals) > MOST_ARRIVALS:
            self.flush()

    def reordering(self, reordering):
        """Buffer one `Reordering`."""
        order = np.array(reordering.order, dtype='i4')
        if order.shape != self._order_shape:
            raise ValueError(f'the order has shape {order.shape}, that of '
                             f'the assignment {self._order_shape}')
        self._changes.append((reordering.step, order))

    def checkpoint(self, step):
        """Note the last checkpoint, which is on the disk, at once."""
        self._checkpoint = step
        self.flush()

    def maybe_flush(self, now=None):
        """Flush when the block is full or `flush_seconds` have passed.

        Parameters
        ----------
        now : float, optional
            The time on the monotonic clock, where the caller has it.
        """
        now = time.monotonic() if now is None else now
        if (self._filled == self._capacity
                or now - self._flushed >= self.flush_seconds):
            self.flush(now)

    def flush(self, now=None):
        """Write out what is buffered, so that a kill cannot lose it."""
        self._flushed = time.monotonic() if now is None else now
        if self._trouble:
            raise Unwritable(self._trouble)
        try:
            self._write_out()
        except (OSError, RuntimeError) as error:
            self._let_go(error)
            raise Unwritable(self._trouble) from error

    def _let_go(self, error):
        """Leave the file on the disk as it is.

        What HDF5 still writes goes nowhere: the process would crash if that
        failed when the file is closed.
        """
        with open(os.devnull, 'r+b') as sink:
            os.dup2(sink.fileno(), self._file.id.get_vfd_handle())
        self._trouble = (
            f'{self.path}: {reason(error)}; what is in it can be read, and '
            'where it can be written again --resume goes on')

    def _write_out(self):
        rows, self._filled = self._filled, 0
        for data, block in zip(self._data, self._blocks):
            _extend(data, block[:rows])
        if self._evaluations:
            _extend(self._data_sets[schema.EVALUATION.path],
                    np.array(self._evaluations, schema.EVALUATION_COLUMNS))
            self._evaluations.clear()
        told = [(table, *table.split(whole)) for table, whole in self._told()]
        for table, _, beside in told:
            _extend(self._data_sets[table.beside.path], beside)
        self._file.flush()

        # Only now may other tables say that this exists, and only after
        # them `/steps`.
        for table, own, _ in told:
            _extend(self._data_sets[table.rows.path], own)
        if told:
            self._file.flush()
        if rows:
            _extend(self._data_sets[schema.STEPS.path], self._steps[:rows])
            self._file.flush()
        if self._checkpoint is not None:
            self._file.attrs.modify(schema.LAST_CHECKPOINT, self._checkpoint)
            self._checkpoint = None
            self._file.flush()

    def _told(self):
        """Tables with rows that wait, and these; they wait no longer."""
        for table, waiting in ((schema.EVENTS, self._events),
                               (schema.EXPOSURES, self._exposures),
                               (self._change, self._changes)):
            if waiting:
                yield table, np.array(waiting, table.dtype)
                waiting.clear()
        if self._arrivals:
            yield self._arrival, _table(self._arrivals, self._arrival.dtype)
            self._arrivals.clear()

    def sync(self):
        """Flush, and wait until it is on the disk."""
        self.flush()
        os.fsync(self._file.id.get_vfd_handle())

    def close(self):
        """Write out the rest and close the file; once is enough."""
        if not self._file:
            return
        try:
            if not self._trouble:
                self.flush()
        finally:
            self._shut()
            self._claim.close()

    def _shut(self):
        try:
            self._file.close()
        except RuntimeError:
            # Nowhere has no length, which HDF5 sets at last.
            if not self._trouble:
                raise

    def _make_room(self, overwrite, claimed):
        """Claims of the name, and of the file that has it, if any has."""
        real(self.path).parent.mkdir(parents=True, exist_ok=True)
        claimed = claimed or Claim(self.path, overwrite)
        try:
            if not self.path.exists():
                return claimed, None
            if overwrite:
                return claimed, claim(self.path)
            raise FileExistsError(
                f'{self.path} exists; --overwrite replaces it')
        except BaseException:
            claimed.close()
            raise

    def _describe(self, job, seed, parameters, mpi, hosts, hosts_from, clock,
                  stretch, checkpoints):
        attrs, now = self._file.attrs, datetime.now().astimezone()
        attrs.update({'version': schema.VERSION, 'config': job,
                      'package': _package(), 'mpi': mpi,
                      'hosts_from': hosts_from,
                      schema.LAST_CHECKPOINT: stretch.checkpoint})
        if checkpoints:
            attrs[schema.CHECKPOINTS_IN] = checkpoints
        # Some tools cannot list attributes of which one is empty.
        if hosts:
            attrs['hosts'] = np.array(hosts, dtype=h5py.string_dtype())
        if not stretch.goes_on:
            attrs.update({
                'format': schema.FORMAT, 'seed': schema.seed(seed),
                'parameters': parameters, 'clock': clock,
                'identity': uuid4().hex,
                'created': now.isoformat(timespec='seconds')})
        if stretch.continues:
            attrs['continues'] = stretch.continues
            attrs['continues_identity'] = stretch.identity
            attrs['first_step'] = min(
                stretch.step, attrs.get('first_step', stretch.step))

    def _tell(self, inputs, without):
        """What the job names, and who had another one at any time."""
        attrs = self._file.attrs
        if inputs:
            attrs['inputs'] = inputs
        without = sorted({*attrs.get('without_work', ()), *without})
        if without:
            attrs['without_work'] = np.array(without, dtype='i4')

    def _lay_out(self, assignment):
        self._order_shape = assignment.order.shape
        self._arrival = schema.arrivals(assignment.width)
        self._change = schema.changes(*self._order_shape)
        self._own = (schema.EVENTS, schema.EXPOSURES, self._arrival,
                     self._change)
        self._file[schema.INCIDENCE] = assignment.incidence.astype('u1')
        self._file[schema.ORDER] = assignment.order.astype('i4')
        # All stay open: where one is closed HDF5 may write, and nobody would
        # be told that it could not.
        self._data_sets = {
            item.path: item.create(self._file, *self._sizes)
            for item in (*schema.ROWS.values(), schema.EVALUATION,
                         *chain.from_iterable(
                             (table.rows, table.beside)
                             for table in self._own))}

    def _allocate(self):
        row_bytes = sum(item.row_bytes(*self._sizes)
                        for item in schema.ROWS.values())
        self._capacity = max(1, min(BLOCK_ROWS, BLOCK_BYTES // row_bytes))
        self._filled = 0
        self._steps = self._block(schema.STEPS)

        # What `append` walks through for each row, in one order.
        items = (*schema.RECORD, *schema.TRUTH)
        self._of_record = attrgetter(*(item.name for item in schema.RECORD))
        self._blocks = [self._block(item) for item in items]
        self._packed = [item.packed for item in items]
        self._data = [self._data_sets[item.path] for item in items]
        self._evaluations, self._events, self._exposures = [], [], []
        self._arrivals, self._changes = [], []
        self._checkpoint = None

    def _block(self, item):
        return np.zeros((self._capacity, *item.stored_shape(*self._sizes)),
                        item.stored_dtype)


def _table(arrivals, dtype):
    """The arrivals as rows, column by column: there may be very many."""
    rows = np.empty(len(arrivals), dtype)
    *columns, finished = zip(*map(_OF_ARRIVAL, arrivals))
    for name, column in zip(dtype.names, columns):
        rows[name] = column

    # What is shorter than a row of bits is padded by zeros.
    width = rows['finished'].shape[1]
    bits = b''.join(some[:width].ljust(width, b'\0') for some in finished)
    rows['finished'] = np.frombuffer(bits, 'u1').reshape(-1, width)
    return rows


def _check(n_files, n_workers, clock, flush_seconds):
    schema.check_sizes(n_files, n_workers)
    if clock not in CLOCKS:
        raise ValueError(f"clock '{clock}' must be one of {CLOCKS}")
    if not flush_seconds >= 0:
        raise ValueError(f'flush_seconds {flush_seconds} must be at least 0')


def _extend(data, rows):
    """Append rows to a data set."""
    start = len(data)
    data.resize(start + len(rows), axis=0)
    data[start:] = rows


def _package():
    try:
        return f'aspis-mpi {metadata.version("aspis-mpi")}'
    except metadata.PackageNotFoundError:
        return 'aspis-mpi (not installed)'


def _storable(text):
    """A text that HDF5 can hold: it may come from a hostile worker.

    Of a long one the beginning and the end, where a traceback tells most.
    """
    raw = text.replace('\0', '\ufffd').encode('utf-8', 'replace')
    if len(raw) <= schema.TEXT:
        return raw
    head, gap = schema.TEXT // 4, b' [...] '
    return (_readable(raw[:head]) + gap
            + _readable(raw[head + len(gap) - schema.TEXT:]))


def _readable(raw):
    """Without what is left of a character that was cut in two."""
    return raw.decode(errors='ignore').encode()
