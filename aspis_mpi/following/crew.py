"""Knowledge of a run's workers, kept up while its log grows.

Only what the server has seen counts, by the rules of `show --why`: dead or
silent is who was given up and is not heard of in any step that began later,
slow is who takes far longer for a file than the middle worker.
"""

from dataclasses import dataclass, field

import numpy as np

from aspis_mpi.arrays import Array, Bools, Floats, Ints
from aspis_mpi.runlog.judging import SHARE, times_of_a_file
from aspis_mpi.runlog.periods import BEGINS
from aspis_mpi.runlog.reader import Run
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Event, ExposureRecord

#: Events of a run that goes on in other processes: others may be silent now.
ANEW = {EventCode.RESUMED, EventCode.RESTARTED}

#: The last steps, which tell who is slow now; fewer than `FEW` tell nothing.
RECENT, FEW = 32, 5
#: Share of the run's time from which on it is told that a worker cost it,
#: unless that is less than twice what the middle worker cost; and of the steps
#: in which it was late, unless one of the last is among them.
COST = 0.01


@dataclass(frozen=True)
class Slow:
    """A worker for which the run has waited.

    Attributes
    ----------
    worker : int
    share : float
        Of the seconds of the run, which waited for it alone beyond the
        middle worker, or as long as the server says that it cost.
    times : float or None
        So many times as long for a file as the middle worker, in the last
        steps; None where it is not slow now.
    late : int
        Steps in which it was not waited for any longer.
    last_late : int or None
        The last of them.
    rests : bool
        It has no work, as it cost too much.
    """

    worker: int
    share: float
    times: float | None
    late: int
    last_late: int | None
    rests: bool


@dataclass(frozen=True)
class Gone:
    """A worker that does not answer.

    Attributes
    ----------
    worker : int
    last : int or None
        The last step that heard of it.
    lost : bool
        It is gone for good.
    """

    worker: int
    last: int | None
    lost: bool


@dataclass
class Crew:
    """Workers of a part of a run, as far as its log was read.

    Attributes
    ----------
    flagged, late : ndarray of int, shape (K,)
        Steps in which each was.
    last_late, last_heard : ndarray of int, shape (K,)
        The last step in which each was late, or was heard of, or -1.
    heard : ndarray, shape (K,)
        Second at which the last step began that heard of it.
    kept : ndarray, shape (K,)
        Seconds by which each was later than the middle worker where it was
        the last.
    account : ndarray, shape (K,)
        Seconds that each has cost beyond what is usual for it.
    exposed : ndarray of bool, shape (K,)
        Who counts as proved wrong.
    proofs : dict of int to ExposureRecord
        The first against each worker.
    told : dict of EventCode to dict of int to float
        Rank and second of the last event since the run has begun or gone on.
    slow_times : dict of int to float
        Who is slow now, and how many times as long it takes for a file.
    since : int
        The step with which the run has begun, gone on or gone back.
    clock : float
        Second at which the next step after that begins.
    steps, newest : int
        How many there are, and the number of the last.
    """

    flagged: Ints
    late: Ints
    last_late: Ints
    last_heard: Ints
    heard: Floats
    kept: Floats
    account: Floats
    exposed: Bools
    proofs: dict[int, ExposureRecord] = field(default_factory=dict)
    told: dict[EventCode, dict[int, float]] = field(default_factory=dict)
    slow_times: dict[int, float] = field(default_factory=dict)
    since: int = 0
    clock: float = 0.0
    steps: int = 0
    newest: int = 0

    @classmethod
    def of(cls, n_workers: int, since: int) -> 'Crew':
        """Workers of whom nothing is known yet."""
        none = np.zeros(n_workers, dtype=int)
        return cls(
            flagged=none, late=none.copy(), last_late=none - 1,
            last_heard=none - 1, heard=np.full(n_workers, -np.inf),
            kept=np.zeros(n_workers), account=np.zeros(n_workers),
            exposed=np.zeros(n_workers, dtype=bool), since=since)

    def hear(self, events: list[Event]) -> None:
        """Take note of events, before the rows that follow them."""
        for event in events:
            if event.code in ANEW:
                self.told.clear()
            if event.code in BEGINS and not event.rank:
                self.clock = event.time
            self.told.setdefault(event.code, {})[event.rank] = event.time

    def prove(self, proofs: list[ExposureRecord]) -> None:
        """Take note of proofs."""
        for proof in proofs:
            # Of step -1 is what has not reached the disk yet.
            self.proofs.setdefault(proof.worker, proof)

    def take(self, part: Run, rows: slice, steps: Array) -> None:
        """Read some rows; `steps` are those of `/steps`."""
        numbers, late = steps['step'], part.read('late', rows)
        self.steps, self.newest = self.steps + len(steps), int(numbers[-1])
        self.flagged += part.read('flagged', rows).sum(axis=0)
        self.late += late.sum(axis=0)
        heard = part.read('files_done', rows) > 0
        for last, true in ((self.last_late, late), (self.last_heard, heard)):
            np.maximum(last, np.where(
                true, numbers[:, None], -1).max(axis=0), out=last)

        reported = part.read('last_report', rows)
        reported[part.read('excluded', rows)] = np.nan
        self.kept += _kept(reported)

        # When steps before the last start began is not known.
        fresh = numbers >= self.since
        seconds = np.where(fresh, np.nan_to_num(steps['seconds_step']), 0)
        begins = self.clock + np.cumsum(seconds) - seconds
        self.clock += float(seconds.sum())
        np.maximum(self.heard, np.where(
            heard & fresh[:, None], begins[:, None], -np.inf).max(axis=0),
            out=self.heard)

    def look(self, part: Run) -> None:
        """Read what the last rows of a part say."""
        n = part.n_steps
        last, recent = slice(n - 1, n), slice(max(0, n - RECENT), n)
        self.account = np.nan_to_num(part.read('account', last)[0])
        self.exposed = part.read('exposed', last)[0]
        times, slow, judged = times_of_a_file(*(
            part.read(name, recent)
            for name in ('files_done', 'last_report', 'excluded')))
        of, count = judged.sum(axis=0), slow.sum(axis=0)
        now = (of >= FEW) & (count >= SHARE * of)
        mean = np.where(slow, times, 0).sum(axis=0) / np.maximum(count, 1)
        self.slow_times = {worker: float(mean[worker])
                           for worker in np.flatnonzero(now).tolist()}

    def gone(self) -> tuple[Gone, ...]:
        """Those that do not answer, by worker."""
        lost, silent = (self.told.get(code, {})
                        for code in (EventCode.LOST, EventCode.SILENT))
        ranks = lost.keys() | {rank for rank, time in silent.items()
                               if self.heard[rank - 1] <= time}
        return tuple(Gone(rank - 1, last if last >= 0 else None, rank in lost)
                     for rank in sorted(ranks)
                     for last in [int(self.last_heard[rank - 1])])

    def slow(self, seconds: float) -> tuple[Slow, ...]:
        """Those that cost a run of so many seconds time, the worst first."""
        gone = {it.worker for it in self.gone()}
        cost, resting = np.maximum(self.kept, self.account), self._resting()
        tells = (self.late > COST * self.steps) | (
            self.last_late > self.newest - RECENT) & (self.late > 0) | (
            cost > max(COST * seconds, 2 * float(np.median(cost))))
        # Those without work come first.
        order = sorted(range(len(cost)),
                       key=lambda it: (it not in resting, -cost[it]))
        return tuple(
            Slow(worker,
                 float(cost[worker]) / seconds if seconds else 0.0,
                 self.slow_times.get(worker), int(self.late[worker]),
                 int(self.last_late[worker]) if self.late[worker] else None,
                 worker in resting)
            for worker in order if worker not in gone and (
                tells[worker] or worker in resting
                or worker in self.slow_times))

    def _resting(self) -> set[int]:
        """Workers that got no work for a while and have not come back."""
        rested, back = (self.told.get(code, {}) for code in (
            EventCode.RESTING, EventCode.RETURNED))
        return {rank - 1 for rank, time in rested.items()
                if back.get(rank, -np.inf) < time}


def _kept(reported: Floats) -> Floats:
    """Seconds by which the last worker of each step kept it, summed, (K,).

    Beyond the middle one of those that reported.

    >>> _kept(np.array([[1.0, 5.0, 2.0], [np.nan, 1.0, 4.0]]))
    array([0., 3., 3.])
    """
    heard = np.count_nonzero(~np.isnan(reported), axis=1)
    some, steps = heard > 0, np.arange(np.count_nonzero(heard))
    reported, heard = reported[some], heard[some]
    # NaN is sorted behind all numbers.
    order = np.argsort(reported, axis=1)
    last, middle = order[steps, heard - 1], order[steps, (heard - 1) // 2]
    late = reported[steps, last] - reported[steps, middle]
    found = np.zeros(reported.shape[1])
    np.add.at(found, last, late)
    return found
