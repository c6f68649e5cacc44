"""The one writer of a run log, on rank 0.

Rows are buffered in memory and written in blocks.  All arrays go to the
disk before the rows of `/steps` that announce them, so that a log whose
writer was killed at any moment holds every row that `/steps` names.  In the
same way the rows of another table announce what lies beside them.
"""

import os
import time
from dataclasses import replace
from functools import partial
from itertools import chain
from math import inf
from pathlib import Path

import h5py
import numpy as np

from aspis_mpi.errors import InUse, RunLogError, Unwritable
from aspis_mpi.runlog import archive, schema
from aspis_mpi.runlog.blocks import Block
from aspis_mpi.runlog.claims import claim_again, make_room, real
from aspis_mpi.runlog.datasets import CHUNK
from aspis_mpi.runlog.heading import describe, tell
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.rows import (
    of_arrivals, of_draw, of_event, of_exposure, of_start, of_tensors)
from aspis_mpi.runlog.starts import Started
from aspis_mpi.runlog.stretch import BEGINNING, copy, tell_rollbacks
from aspis_mpi.words import reason

#: Arrivals that wait for the next flush; one more brings it about.
MOST_ARRIVALS = 100_000

CLOCKS = ('wall', 'virtual')


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
    devices : list of str
        Device of each rank, by its own word; '' of the processor.
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
    samples : ndarray of int, shape (f,), optional
        Of each file.
    wholes : list of int, optional
        The number of the whole file of which each is a node; its own by
        default.

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
                 hosts_from='ranks', devices=(), clock='wall',
                 flush_seconds=1.0, overwrite=False, stretch=BEGINNING,
                 checkpoints='', claimed=None, inputs='', without=(),
                 samples=None, wholes=None):
        self.path = Path(path)
        self.flush_seconds = flush_seconds
        self._assignment, self._stretch = assignment, stretch
        self._samples, self._wholes = samples, wholes
        self._sizes = assignment.n_files, assignment.n_workers
        _check(*self._sizes, clock, flush_seconds)
        self._describe = partial(
            describe, job=job, seed=seed, parameters=parameters, mpi=mpi,
            hosts=hosts, hosts_from=hosts_from, clock=clock,
            checkpoints=checkpoints)
        self._tell = partial(tell, inputs=inputs, without=without,
                             placement=assignment.placement)
        self._places = hosts_from, tuple(hosts), (
            tuple(devices) or ('',) * len(hosts))
        self._block = Block(*self._sizes)
        self._evaluations, self._events, self._exposures = [], [], []
        self._tensors, self._arrivals, self._changes = [], [], []
        self._draws, self._starts = [], []
        self._checkpoint = None
        # Since when the first of these waits to be written out.
        self._waits = inf

        self._claim, before = make_room(
            self.path, overwrite or stretch.goes_on, claimed)
        self._create(self._claim, stretch)
        if before is not None:
            before.close()

    def _create(self, claim, stretch):
        """Begin the file, with what stays of the one that has its name.

        Without HDF5's lock others may read the log while it grows, and it
        can lie on a file system that has none.  A new one gets its name when
        it is whole: a kill leaves none that cannot be read.
        """
        # Rows are only appended: of each data set the last chunk is enough.
        self._file = h5py.File(claim.place, 'w', locking=False,
                               rdcc_nbytes=2 * CHUNK)
        self._trouble = ''
        try:
            self._lay_out(self._assignment)
            if stretch.goes_on:
                copy(self.path, self._file, stretch, self._own)
            tell_rollbacks(self._file, stretch)
            self._describe(self._file.attrs, stretch=stretch)
            self._tell(self._file.attrs)
            # The order that the log has from now on.
            changes = self._data_sets[self._change.beside.path]
            self._order = (changes[-1] if len(changes)
                           else self._file[schema.ORDER][...])
            self._starts.append(self._start(stretch.step))
            self.sync()
        except BaseException as error:
            self._let_go(error)
            self._shut()
            claim.close()
            raise
        claim.place.replace(real(self.path))

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
        if self._block.full:
            self.flush()
        self._block.append(record, adversaries, lies, payload_lies, dawdles)

    def evaluation(self, evaluation):
        """Buffer one `Evaluation`."""
        self._evaluations.append((evaluation.step, evaluation.seconds,
                                  evaluation.loss, evaluation.accuracy))

    def event(self, event):
        """Buffer one `Event`."""
        self._events.append(of_event(event))

    def exposure(self, exposure):
        """Buffer one `ExposureRecord`, before the row of its step."""
        self._exposures.append(of_exposure(exposure))
        self._tensors += of_tensors(exposure)

    def draws(self, draws):
        """Buffer some `Draw`s, before the arrivals that follow them."""
        self._draws += map(of_draw, draws)

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
        self._order = order

    def checkpoint(self, step):
        """Note the last checkpoint, which is on the disk, at once."""
        self._checkpoint = step
        self.flush()

    def go_back(self, rollback):
        """Leave out the steps that are undone, from now on.

        What stays is copied into a file that takes the name when it is
        whole: a kill leaves the log as it was.

        Parameters
        ----------
        rollback : Rollback

        Returns
        -------
        Rollback
            With the wrong payloads of these steps.
        """
        self.sync()
        self._file.close()
        try:
            first = self.path.with_name(self._stretch.continues
                                        or self.path.name)
            with load_run(first) as run:
                rollback = replace(
                    rollback, wrong=run.wrong_payloads(rollback.end))
            claim = claim_again(self.path)
            self._create(claim, replace(
                self._stretch, step=rollback.end, goes_on=True, turn=inf,
                rollbacks=(rollback,), order=self._order))
            self._claim.close()
            self._claim = claim
            archive.sync(real(self.path).parent)
        except (OSError, RuntimeError, RunLogError, InUse) as error:
            self._trouble = self._told_trouble(error)
            raise Unwritable(self._trouble) from error
        return rollback

    def maybe_flush(self, now=None):
        """Flush when the block is full or `flush_seconds` have passed.

        Parameters
        ----------
        now : float, optional
            The time on the monotonic clock, where the caller has it.
        """
        now = time.monotonic() if now is None else now
        if (self._block.full
                or now - self._flushed >= self.flush_seconds):
            self.flush(now)
        else:
            self._waits = min(self._waits, now)

    def is_late(self, now=None):
        """True if something has waited for `flush_seconds`, as in a long step.

        Rows of shorter steps leave with a later one.
        """
        now = time.monotonic() if now is None else now
        return now - self._waits >= self.flush_seconds

    def flush(self, now=None):
        """Write out what is buffered, so that a kill cannot lose it."""
        self._flushed = time.monotonic() if now is None else now
        self._waits = inf
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
        self._trouble = self._told_trouble(error)

    def _told_trouble(self, error):
        return (f'{self.path}: {reason(error)}; what is in it can be read, '
                'and where it can be written again --resume goes on')

    def _write_out(self):
        steps, rows = self._block.take()
        for path, block in rows.items():
            _extend(self._data_sets[path], block)
        if self._evaluations:
            _extend(self._data_sets[schema.EVALUATION.path],
                    np.array(self._evaluations, schema.EVALUATION_COLUMNS))
            self._evaluations.clear()
        if self._draws:
            _extend(self._data_sets[schema.DRAWS.path],
                    np.array(self._draws, schema.DRAW_COLUMNS))
            self._draws.clear()
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
        if len(steps):
            _extend(self._data_sets[schema.STEPS.path], steps)
            self._file.flush()
        if self._checkpoint is not None:
            self._file.attrs.modify(schema.LAST_CHECKPOINT, self._checkpoint)
            self._checkpoint = None
            self._file.flush()

    def _told(self):
        """Tables with rows that wait, and these; they wait no longer."""
        for table, waiting in ((self._begun, self._starts),
                               (schema.EVENTS, self._events),
                               (schema.TENSORS, self._tensors),
                               (schema.EXPOSURES, self._exposures),
                               (self._change, self._changes)):
            if waiting:
                yield table, np.array(waiting, table.dtype)
                waiting.clear()
        if self._arrivals:
            yield self._arrival, of_arrivals(self._arrivals,
                                             self._arrival.dtype)
            self._arrivals.clear()

    def sync(self):
        """Flush, and wait until it is on the disk."""
        self.flush()
        os.fsync(self._file.id.get_vfd_handle())

    def close(self):
        """Write out the rest and close the file; once is enough."""
        try:
            if self._file and not self._trouble:
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

    def _start(self, step):
        """Row of a start, with the rows that there were before it."""
        events, exposures = (
            len(self._data_sets[table.rows.path])
            for table in (schema.EVENTS, schema.EXPOSURES))
        return of_start(Started(step, time.time(), events, exposures,
                                *self._places), self._sizes[1] + 1)

    def _lay_out(self, assignment):
        self._order_shape = assignment.order.shape
        self._arrival = schema.arrivals(assignment.width)
        self._change = schema.changes(*self._order_shape)
        self._begun = schema.starts(self._sizes[1])
        self._own = (schema.EVENTS, schema.TENSORS, schema.EXPOSURES,
                     self._arrival, self._begun, self._change)
        self._file[schema.INCIDENCE] = assignment.incidence.astype('u1')
        self._file[schema.ORDER] = assignment.order.astype('i4')
        if self._samples is not None:
            n_files = self._sizes[0]
            self._file[schema.SAMPLES] = np.array(self._samples, dtype='i8')
            self._file[schema.WHOLES] = np.array(
                range(n_files) if self._wholes is None else self._wholes,
                dtype='i4')
        # All stay open: where one is closed HDF5 may write, and nobody would
        # be told that it could not.
        self._data_sets = {
            item.path: item.create(self._file, *self._sizes)
            for item in (
                *schema.ROWS.values(), schema.EVALUATION, schema.ROLLBACKS,
                schema.DRAWS, *chain.from_iterable(
                    (table.rows, table.beside) for table in self._own))}


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
