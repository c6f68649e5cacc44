"""Sums over the rows of a run's log, taken up as these come."""

import logging
from collections import Counter
from typing import Any

import numpy as np

from aspis_mpi.arrays import Array
from aspis_mpi.following.course import Course
from aspis_mpi.following.crew import Crew
from aspis_mpi.following.facts import Courses
from aspis_mpi.runlog.reader import Run
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Event, Outcome

#: The last steps, which tell the pace.
PACE = 100
#: Bytes of each array that are looked at in one go, about, and of a row beside
#: what it has for each worker.
WINDOW, ROW = 1 << 21, 256


class Knowledge:
    """All that was read of a run so far, in bounded memory.

    Attributes
    ----------
    key : object
        Which parts these are, from which starts; another one begins anew.
    courses : Courses
    crew : Crew
        Workers of the last part.
    verdicts : Counter of int
    seconds : float
        Of all steps.
    done : int
        Steps.
    recent : ndarray
        Seconds of the last steps.
    evaluated, best : int or None
        Steps after the last evaluation, and the one of the best accuracy.
    warnings : int
    last_warning : Event or None
    """

    def __init__(self, key: Any):
        self.key = key
        self.courses = Courses(Course(), Course(), Course())
        self.verdicts: Counter[int] = Counter()
        self.seconds = 0.0
        self.done = 0
        self.recent = np.empty(0)
        self.evaluated: int | None = None
        self.best: int | None = None
        self.warnings = 0
        self.last_warning: Event | None = None
        self._last_row = b''

    def enter(self, part: Run) -> None:
        """Go over to the next part of the run, whose workers are others."""
        starts = part.starts
        self.crew = Crew.of(part.n_workers,
                            starts[-1].step if starts else part.first_step)
        self.done = max(self.done, part.first_step)
        self._rows = self._evaluations = self._events = self._proofs = 0

    def fits(self, part: Run) -> bool:
        """True if the rows that were read of a part are still there.

        Logs of before do not tell that they have begun anew.
        """
        rows = self._rows
        return not rows or rows <= part.n_steps and self._last_row == (
            part.read('steps', slice(rows - 1, rows)).tobytes())

    @property
    def mark(self) -> tuple:
        """Something that changes whenever there is anything new."""
        return (self.key, self._rows, self._evaluations, self._events,
                self._proofs)

    def read(self, part: Run) -> None:
        """Take up what is new in the part that was entered last."""
        self._hear(part.events_from(self._events))
        proofs = part.exposures_from(self._proofs)
        # What has not reached the disk yet is of step -1, and comes again.
        proofs = [it for it in proofs if it.step >= 0]
        self._proofs += len(proofs)
        self.crew.prove(proofs)
        span = max(PACE, WINDOW // (8 * part.n_workers + ROW))
        for start in range(self._rows, part.n_steps, span):
            self._take(part, slice(start, min(start + span, part.n_steps)))
        if part.n_steps:
            self.crew.look(part)
        self._evaluate(part.evaluation_from(self._evaluations))

    @property
    def failed(self) -> bool:
        """True if the run said that it cannot go on."""
        return EventCode.FAILED in self.crew.told

    @property
    def asked(self) -> bool:
        """True if the run was asked to end."""
        return EventCode.INTERRUPT in self.crew.told

    def verdict_counts(self) -> dict[str, int]:
        """Steps of each verdict, the cleanest first."""
        return {outcome.name.lower(): self.verdicts[outcome]
                for outcome in sorted(Outcome, reverse=True)
                if self.verdicts[outcome]}

    def _hear(self, events: list[Event]) -> None:
        self._events += len(events)
        warnings = [it for it in events if it.level >= logging.WARNING]
        self.warnings += len(warnings)
        self.last_warning = warnings[-1] if warnings else self.last_warning
        self.crew.hear(events)

    def _take(self, part: Run, rows: slice) -> None:
        steps = part.read('steps', rows)
        seconds = steps['seconds_step']
        self.courses.seconds.extend(seconds)
        self.recent = np.concatenate([
            self.recent, seconds[np.isfinite(seconds)]])[-PACE:]
        self.seconds += float(np.nansum(seconds))
        self.verdicts.update(steps['verdict'].tolist())
        self.crew.take(part, rows, steps)
        self.done = int(steps['step'][-1]) + 1
        self._rows, self._last_row = rows.stop, steps[-1:].tobytes()

    def _evaluate(self, rows: Array) -> None:
        if not len(rows):
            return
        self._evaluations += len(rows)
        self.evaluated = int(rows['step'][-1])
        self.courses.loss.extend(rows['loss'])
        accuracy, best = rows['accuracy'], self.courses.accuracy.most
        self.courses.accuracy.extend(accuracy)
        # NaN, of the first, is less than nothing.
        if not np.isnan(accuracy).all() and not np.nanmax(accuracy) <= best:
            self.best = int(rows['step'][np.nanargmax(accuracy)])
