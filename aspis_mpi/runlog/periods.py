"""Periods of a run log, from each start of the run to the next."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np

from aspis_mpi.arrays import Array, Floats
from aspis_mpi.runlog.evidence import Evidence, Kind
from aspis_mpi.runlog.reader import Run
from aspis_mpi.runlog.starts import Started, ends
from aspis_mpi.runlog.view import WINDOW
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Event, ExposureRecord

#: The version of logs from which on they have codes and exposures.
CODES = 3
#: What a run does just before its first step, or another one, begins.
BEGINS = {EventCode.PROBE, EventCode.RESUMED, EventCode.ROLLBACK}


@dataclass(frozen=True, eq=False)
class Period:
    """All that a log has from one start of its run to the next.

    Attributes
    ----------
    start : Started
    log : str
        Path of the log.
    run : str
        Identity of the run.
    events, exposures : list
    first : float
        Seconds of the run, when the first of these steps began.
    part : Run
        Where the rows are.
    rows : slice
        Of these steps, T.
    """

    start: Started
    log: str
    run: str
    events: list[Event]
    exposures: list[ExposureRecord]
    first: float
    part: Run
    rows: slice

    def about(self, code: EventCode) -> dict[int, list[float]]:
        """Times of the events of a code, by rank."""
        found = defaultdict(list)
        for event in self.events:
            if event.code is code:
                found[event.rank].append(event.time)
        return found

    @cached_property
    def steps(self) -> Array:
        """Rows of `/steps`, (T,)."""
        return self.part.read('steps', self.rows)

    def windows(self, *names: str) -> Iterator[tuple[Array, ...]]:
        """Some of the steps at a time, by number, and arrays of them."""
        span = max(1, WINDOW // (8 * self.part.n_workers))
        for start in range(self.rows.start, self.rows.stop, span):
            rows = slice(start, min(start + span, self.rows.stop))
            begin = start - self.rows.start
            yield (self.steps['step'][begin:begin + span],
                   *(self.part.read(name, rows) for name in names))

    @cached_property
    def heard(self) -> Floats:
        """Time at which the last step began that heard of each worker."""
        seconds = np.nan_to_num(self.steps['seconds_step'])
        begins = self.first + np.cumsum(seconds) - seconds
        found, row = np.full(self.part.n_workers, -np.inf), 0
        for steps, done in self.windows('files_done'):
            those = begins[row:row + len(steps), None]
            np.maximum(found, np.where(done > 0, those, -np.inf).max(axis=0),
                       out=found)
            row += len(steps)
        return found

    def evidence(self, kind: Kind, worker: int, step: int | None,
                 text: str) -> Evidence:
        """Evidence against the host of a worker."""
        host, device = (
            places[worker + 1] if worker + 1 < len(places) else ''
            for places in (self.start.hosts, self.start.devices))
        return Evidence(
            self.run, self.start.began, self.log, kind, worker, worker + 1,
            host, device, self.start.vouched and bool(host), step, text)


def periods(part: Run, identity: str) -> Iterator[Period]:
    """The periods of one log; some may have nothing."""
    old = part.attrs['version'] < CODES
    events, exposures = part.events, part.all_exposures
    starts = _starts(part, events, old)
    numbers = part.steps['step']
    rows = np.searchsorted(numbers, [it.step for it in starts]).tolist()
    for start, first, last, event, proof in zip(
            starts, rows, ends(rows, len(numbers)),
            ends([it.events for it in starts], len(events)),
            ends([it.exposures for it in starts], len(exposures))):
        yield Period(
            start, str(part.path), identity, events[start.events:event],
            exposures[start.exposures:proof], _first(events[:event]), part,
            slice(first, max(first, last)))


def _first(events: list[Event]) -> float:
    """Time of the first step after the last start that events tell of."""
    times = [event.time for event in events
             if event.code in BEGINS and not event.rank]
    return times[-1] if times else 0.0


def _starts(part: Run, events: list[Event], old: bool) -> list[Started]:
    """The starts of a log, also of one that does not tell them."""
    starts, attrs = part.starts, part.attrs
    began = datetime.fromisoformat(attrs['created']).timestamp()
    nowhere = Started(part.first_step, began, 0, 0, 'unknown', (), ())
    if starts:
        # A log of before that was gone on with does not say of its hosts
        # whose they were.
        first = starts[0]
        late = first.events or first.exposures or (
            first.step > part.first_step)
        return [nowhere, *starts] if late else starts
    if any(event.code is EventCode.RESUMED or old and not event.rank
           and event.level >= logging.WARNING for event in events):
        return [nowhere]
    hosts, source = tuple(attrs['hosts']), attrs.get('hosts_from', 'ranks')
    return [replace(nowhere, hosts=hosts, devices=('',) * len(hosts),
                    source=source if hosts else 'unknown')]
