"""Reading a run log: finished, still being written, or cut off by a kill."""

import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from aspis_mpi.arrays import Array
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.frames import Framed
from aspis_mpi.runlog.joined import JoinedRun
from aspis_mpi.runlog.log_file import LogFile
from aspis_mpi.runlog.log_parts import places
from aspis_mpi.runlog.rows import (
    event_of, exposures_of, rollback_of, start_of)
from aspis_mpi.runlog.starts import Started
from aspis_mpi.runlog.view import WINDOW
from aspis_mpi.schemes.record import Event, ExposureRecord, Rollback


class Counts(NamedTuple):
    """Rows of tables that only grow: what follows them is new."""

    events: int
    exposures: int
    starts: int


def load_run(path: str | Path) -> 'Run | JoinedRun':
    """Open the log of a run for reading, without a lock.

    A run that came back with another number of ranks went on in RUN.2.h5,
    RUN.3.h5 ... beside RUN.h5: the name of the first stands for all of
    them, that of a later one for this one alone.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Run or JoinedRun
        A `Run` where there is one file.  What can be read are its
        attributes: see `help(aspis_mpi.runlog.reader.Run)`.

    Raises
    ------
    RunLogError
        A file is missing, is no run log, or one of another version.
    """
    found = places(Path(path))
    if len(found) == 1:
        return Run(path)
    with ExitStack() as opened:
        run = JoinedRun([opened.enter_context(Run(place.path, place.until))
                         for place in found])
        opened.pop_all()
    return run


class Run(Framed):
    """A run log, whose arrays are read when they are asked for.

    Each of the data sets that have a row a step is an attribute (T steps, K
    workers, f files); `read` gives some of the steps only.  A log that is
    being written shows the T steps that it held when it was opened.

    Parameters
    ----------
    path : str or Path
    until : int, optional
        Steps from this number on are left out, since a later part of the
        run has done them again; its events all remain.

    Attributes
    ----------
    attrs : dict
        Root attributes: format, version, config, seed, parameters (d),
        package, mpi, hosts, hosts_from, created, clock, last_checkpoint
        (steps; -1 before the first), checkpoints_in (a folder); of a later
        part of a run also continues, first_step.
    config : dict
        The complete job.
    parts : tuple of Run
        The run itself; see `JoinedRun`.
    first_step : int
        The step that its first row has.
    n_steps, n_files, n_workers : int
        T, f, K.
    incidence : ndarray of bool, shape (f, K)
        Of the first step; `incidence_at` knows of later changes.
    order : ndarray of int32, shape (K, l)
        Files of each worker as it computes them, padded with -1;
        `order_at` knows of later changes.
    steps : structured ndarray, shape (T,)
        Step, loss, verdict, counts, seconds and turn: one column each.  The
        verdict is a number of `aspis_mpi.schemes.record.Outcome`: 0 the
        assumptions do not hold, 1 no usable file, 2 files are missing, 3
        decided by vote, 4 resolved without, 5 nobody disagreed and no file
        was dropped.
    flagged, exposed, excluded : ndarray of bool, shape (T, K)
    disagreements : ndarray of bool, shape (T, K, K)
    margin : ndarray, shape (T, 2)
    source : ndarray of int16, shape (T, f)
        The worker whose value was used; -1 dropped, -2 missing, -3 the
        server's own, -4 coded: several.
    contributors : ndarray of bool, shape (T, f, K)
        Whose value of which file was used.
    copies : ndarray of uint16, shape (T, f)
    files_done : ndarray of uint16, shape (T, K)
    first_report, last_report : ndarray, shape (T, K)
        Seconds since `Model` was sent, NaN where there was no report.
    late : ndarray of bool, shape (T, K)
        Who was not waited for any longer.
    account : ndarray, shape (T, K)
        Seconds that each worker had cost the run after the step.  Logs of
        version 1 have neither: nobody was late, and NaN.
    adversaries, payload_lies, dawdles, lied : ndarray of bool, shape (T, K)
    lies : ndarray of bool, shape (T, f, K)
    """

    def __init__(self, path: str | Path, until: int | None = None):
        self.path = Path(path)
        self._file = LogFile(self.path)
        try:
            self.attrs = self._file.attrs
            self.config = tomllib.loads(self.attrs['config'])
            self.first_step = self.attrs.get('first_step', 0)
            self.incidence = self._file.rows(schema.INCIDENCE).astype(bool)
            self.order = self._file.rows(schema.ORDER)
            self.n_files, self.n_workers = self.incidence.shape
            self._load = self.order.shape[1]
            self._arrival = schema.arrivals(self._load)
            self._change = schema.changes(*self.order.shape)
            self._begun = schema.starts(self.n_workers)
            self._until = until
            self.n_steps = self._file.rows_before(
                until, self._file.complete_rows())
            self._counts = {
                table.rows.path: self._file.read('/', table.count)
                for table in (schema.EVENTS, schema.EXPOSURES,
                              schema.TENSORS, self._arrival, self._change,
                              self._begun)}
        except Exception:
            self.close()
            raise

    @property
    def placement(self) -> npt.NDArray[np.int64] | None:
        """The worker of the design that each one was first, by its host.

        Int (K,), None where hosts do not count.
        """
        rows = self.attrs.get('placement')
        return None if rows is None else np.array(rows[0], dtype=np.int64)

    @property
    def samples(self) -> Array | None:
        """Samples of each file, int64 (f,); None in older logs."""
        return self._of_files(schema.SAMPLES)

    @property
    def wholes(self) -> Array | None:
        """The whole file of which each is a node, int32 (f,), or None."""
        return self._of_files(schema.WHOLES)

    def _of_files(self, place: str) -> Array | None:
        return self._file.rows(place) if self._file.has(place) else None

    @property
    def parts(self) -> tuple[Self]:
        """The logs that the run consists of: this one."""
        return (self,)

    def part_of(self, _step: int) -> Self:
        """The part that did a step: this one."""
        return self

    def close(self) -> None:
        """Close the file; what was read stays."""
        self._file.close()

    def read(self, name: str, steps: slice = slice(None)) -> Array:
        """Rows of one data set, for some of the steps.

        Parameters
        ----------
        name : str
            One of `schema.ROWS`: 'contributors', 'lies' ...
        steps : slice
            Of the T steps, ascending.

        Returns
        -------
        ndarray
            Unpacked, with the steps as first axis.
        """
        item = schema.ROWS[name]
        rows, sizes = steps.indices(self.n_steps), (
            self.n_files, self.n_workers)
        if item.since > self.attrs['version']:
            return item.absent(len(range(*rows)), *sizes)
        return item.unpack(self._file.rows(item.path, slice(*rows)), *sizes)

    @property
    def evaluation(self) -> Array:
        """Step, seconds, loss and accuracy of each evaluation."""
        return self.evaluation_from(0)

    def evaluation_from(self, row: int) -> Array:
        """The evaluations from a row of the table on."""
        rows = self._file.rows(schema.EVALUATION.path, slice(row, None))
        # The one after as many steps is of the model that went on.
        return rows if self._until is None else rows[
            rows['step'] <= self._until]

    @property
    def events(self) -> list[Event]:
        """The events, a list of `Event`."""
        return self.events_from(0)

    def events_from(self, row: int) -> list[Event]:
        """The events from a row of the table on."""
        return [event_of(it) for it in self._own(
            schema.EVENTS, slice(row, None)) if it['time'] >= 0]

    @property
    def exposures(self) -> list[ExposureRecord]:
        """Proofs against workers, a list of `ExposureRecord` by rising turn.

        As long as each step has a proof of one kind against a worker, the
        first is there alone; logs of before version 3 have none.  Where
        the log says in which `tensors` a worker was wrong, they come by
        falling distance.
        """
        end = np.inf if self._until is None else self._until
        return [it for it in self.all_exposures if 0 <= it.step < end]

    @property
    def all_exposures(self) -> list[ExposureRecord]:
        """The same row by row, also of steps that a later part has done."""
        return self.exposures_from(0)

    def exposures_from(self, row: int) -> list[ExposureRecord]:
        """Those from a row of the table on."""
        if row >= self.counts.exposures:
            return []
        return exposures_of(self._own(schema.EXPOSURES, slice(row, None)),
                            self._own(schema.TENSORS))

    @property
    def starts(self) -> list[Started]:
        """Places of the ranks from each start on, a list of `Started`.

        Logs of before have none, and in one of those that was gone on with
        the first is of that time.
        """
        return [start_of(row) for row in self._own(self._begun)
                if row['step'] >= 0]

    @property
    def rollbacks(self) -> list[Rollback]:
        """Times that the run went back to an earlier step, by turn.

        A list of `Rollback`.  Rows of what was undone are not there; its
        arrivals are, which `undone` tells from others, and its exposures.
        """
        return [rollback_of(it) for it in self._whole(schema.ROLLBACKS)
                if it['turn'] >= 0]

    @property
    def draws(self) -> Array:
        """Draws of spot checks, in that order: a row each.

        Columns: step, turn, epoch (of sums: 0 those that came unasked), kind
        (a number of `DrawKind`), seed_low and seed_high (of a challenge),
        worker and checks (who computes which file; -1 without).  Those of
        undone turns are there, too.
        """
        drawn = self._whole(schema.DRAWS)
        end = np.inf if self._until is None else self._until
        return drawn[(drawn['step'] >= 0) & (drawn['step'] < end)]

    @property
    def arrivals(self) -> Array:
        """Arrivals that the server took note of, in that order: a row each.

        Columns: step, worker (-1: the server's own), kind (a number of
        `ArrivalKind`), files_done, seconds since the run began, bytes, turn,
        finished (packed: see `finished`).  Empty unless the job had
        log.detail = "arrivals".  Those of undone turns are there, too.
        """
        return np.concatenate([*self.arrival_windows()])

    def arrival_windows(self) -> Iterator[Array]:
        """The rows of `arrivals`, some megabytes at a time."""
        table = self._arrival
        span = WINDOW // table.dtype.itemsize
        end = np.inf if self._until is None else self._until
        for start in range(0, max(1, self._counts[table.rows.path]), span):
            rows = self._own(table, slice(start, start + span))
            counts = (rows['step'] >= 0) & (rows['step'] < end)
            yield rows if counts.all() else rows[counts]

    @property
    def n_arrivals(self) -> int:
        """Number of arrivals that the log held when it was opened."""
        return self._counts[self._arrival.rows.path]

    @property
    def counts(self) -> Counts:
        """Rows that growing tables held when the log was opened."""
        return Counts(*(self._counts[path] for path in (
            schema.EVENTS.rows.path, schema.EXPOSURES.rows.path,
            schema.STARTS)))

    def arrivals_of(self, step: int) -> Array:
        """The arrivals of one step, by its number, as it was done last."""
        rows = np.concatenate([rows[rows['step'] == step]
                               for rows in self.arrival_windows()])
        return rows[rows['turn'] == rows['turn'].max(initial=0)]

    def order_at(self, step: int) -> npt.NDArray[np.int32]:
        """Files of each worker as it computes them in a step, (K, l).

        Parameters
        ----------
        step : int
            By its number.
        """
        order = self.order
        for first, later in self.orders[1:]:
            if first <= step:
                order = later
        return order

    def incidence_at(self, step: int) -> npt.NDArray[np.bool_]:
        """Files of each worker in a step, bool (f, K), by its number.

        Others than in `incidence` where workers were without work, or files
        follow names or speeds.
        """
        held = np.zeros_like(self.incidence)
        workers, positions = np.nonzero((order := self.order_at(step)) >= 0)
        held[order[workers, positions], workers] = True
        return held

    @property
    def orders(self) -> list[tuple[int, npt.NDArray[np.int32]]]:
        """Orders of computing, (K, l), each after the first step with it."""
        # What never reached the disk is of step -1; in version 1 it is a
        # row of zeros.
        changes = [(int(it['step']), it['order'])
                   for it in self._own(self._change)
                   if it['step'] >= 0 and it['order'].any()]
        return [(self.first_step, self.order), *changes]

    def _whole(self, item: Any) -> Array:
        """All rows of a table that older logs do not have."""
        return self._file.read('/', lambda root: (
            root[item.path][:] if item.path in root
            else np.empty(0, item.stored_dtype)))

    def _own(self, table: Any, rows: slice = slice(None)) -> Array:
        """Whole rows of a table, of those that it had at the beginning."""
        rows = slice(*rows.indices(self._counts[table.rows.path]))
        return self._file.read('/', lambda root: table.read(root, rows))
