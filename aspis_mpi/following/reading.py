"""Reading a log again and again, without disturbing whoever writes it.

Each look opens the files anew, since HDF5 sees in an open file what it saw
first, without a lock, and reads what is new.  A run that goes on, or goes
back, writes a new file that takes the name: `/starts` has a row more, and all
is read anew.
"""

import time
from collections import deque
from collections.abc import Callable
from math import inf
from pathlib import Path

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.following.facts import Facts, Missing
from aspis_mpi.following.knowledge import Knowledge
from aspis_mpi.runlog.joined import JoinedRun
from aspis_mpi.runlog.reader import Run, load_run
from aspis_mpi.runlog.totals import job_of

#: Seconds before a log that cannot be read is read once more: the writer may
#: just have moved more than a reader can put up with.
PAUSE = 0.5

#: Seconds without news of which nothing is said, at least, and in steps.
QUIET, STEPS = 15.0, 5

#: Looks that tell the pace of a run whose clock is virtual.
LOOKS = 30


class Follower:
    """A run log, looked at while it grows.

    Parameters
    ----------
    path : str or Path
        It need not be there yet.
    clock : callable
        Seconds since 1970.
    sleep : callable
    """

    def __init__(self, path: str | Path,
                 clock: Callable[[], float] = time.time,
                 sleep: Callable[[float], None] = time.sleep):
        self._path = Path(path)
        self._clock, self._sleep = clock, sleep
        self._began = clock()
        self._known: Knowledge | None = None
        self._mark: tuple | None = None
        self._news = 0.0
        self._gone: float | None = None
        self._looks: deque[tuple[float, int]] = deque(maxlen=LOOKS)

    def look(self) -> Facts | Missing:
        """Read what is new.

        Raises
        ------
        RunLogError
            There is something, but it cannot be read as a run log.
        """
        again = True
        while True:
            try:
                return self._look()
            except RunLogError:
                if not self._path.exists():
                    return self._missing()
                if not again:
                    raise
            again = False
            self._sleep(PAUSE)

    def _missing(self) -> Missing:
        before = self._mark is not None
        self._gone = self._gone or self._clock()
        return Missing(str(self._path), self._gone if before
                       else self._began, before)

    def _look(self) -> Facts:
        with load_run(self._path) as run:
            # Whatever is read in part only is read anew.
            known, self._known = self._known, None
            known = self._read(run, known)
            self._known, self._gone = known, None
            if known.mark != self._mark:
                self._news = min(self._clock(), inf if self._mark
                                 else _written(run))
                self._mark = known.mark
            return self._facts(run, known)

    def _read(self, run: Run | JoinedRun,
              known: Knowledge | None) -> Knowledge:
        *_, last = run.parts
        key = tuple((part.attrs.get('identity', part.attrs['created']),
                     part.counts.starts) for part in run.parts)
        if known is not None and known.key == key and known.fits(last):
            known.read(last)
            return known
        self._looks.clear()
        known = Knowledge(key)
        for part in run.parts:
            known.enter(part)
            known.read(part)
        return known

    def _facts(self, run: Run | JoinedRun, known: Knowledge) -> Facts:
        job, crew = job_of(run), known.crew
        pace = self._pace(run.attrs['clock'], known)
        complete = bool(job.steps and known.done >= job.steps
                        and known.evaluated == known.done)
        rollbacks = run.rollbacks
        first = np.argsort(-crew.flagged, kind='stable').tolist()
        return Facts(
            path=str(self._path), job=job, n_parts=len(run.parts),
            steps=known.done, clock=run.attrs['clock'], pace=pace,
            left=((job.steps - known.done) / pace
                  if job.steps and pace else None),
            evaluated=known.evaluated, best=known.best,
            courses=known.courses, verdicts=known.verdict_counts(),
            waiting=(float(crew.kept.sum()) / known.seconds
                     if known.seconds > 0 else None),
            slow=crew.slow(known.seconds), gone=crew.gone(),
            exposed=tuple(np.flatnonzero(crew.exposed).tolist()),
            proofs=tuple(crew.proofs.values()),
            flagged={worker: int(crew.flagged[worker]) for worker in first
                     if crew.flagged[worker]},
            rollbacks=len(rollbacks),
            undone=sum(it.undone for it in rollbacks),
            warnings=known.warnings, last_warning=known.last_warning,
            news=self._news, patience=self._patience(run, known),
            asked=known.asked, over=complete or known.failed)

    def _pace(self, clock: str, known: Knowledge) -> float | None:
        """Steps a second of a wall's clock, lately."""
        if clock != 'virtual':
            mean = float(known.recent.mean()) if len(known.recent) else 0.0
            return 1 / mean if mean > 0 else None
        looks = self._looks
        if not looks or looks[-1][1] != known.done:
            looks.append((self._clock(), known.done))
        (then, before), (now, done) = looks[0], looks[-1]
        return (done - before) / (now - then) if now > then else None

    def _patience(self, run: Run | JoinedRun, known: Knowledge) -> float:
        """Seconds without news that are nothing unusual."""
        slowest = (0.0 if run.attrs['clock'] == 'virtual'
                   else float(known.recent.max(initial=0.0)))
        return max(QUIET, STEPS * slowest) + run.option(
            'log', 'flush_seconds', 1.0)


def _written(run: Run | JoinedRun) -> float:
    """Time at which a run was written last; infinite if it is gone."""
    try:
        return max(part.path.stat().st_mtime for part in run.parts)
    except OSError:
        return inf
