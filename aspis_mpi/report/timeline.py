"""Course of one step, from the arrivals of the log."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.report.labels import collected
from aspis_mpi.schemes.record import ArrivalKind


@dataclass(frozen=True, eq=False)
class Files:
    """The n finished files of a step; seconds since `Model` was sent.

    A report that names several files divides the time since the one before
    it evenly among them.
    """

    worker: np.ndarray          # int (n,)
    file: np.ndarray            # int (n,)
    begin: np.ndarray           # float (n,)
    end: np.ndarray             # float (n,)
    used: np.ndarray            # bool (n,): it is part of the step's result
    compared: np.ndarray        # bool (n,): it is not, but was compared


@dataclass(frozen=True, eq=False)
class Timeline:
    """Course of one step; seconds since `Model` was sent."""

    step: int
    label: str
    signalled: bool             # workers send when they are asked to
    n_workers: int
    wait: float
    whole: float
    in_time: int                # files that were finished by `wait`
    files: Files
    payloads: list              # of (worker, seconds)
    sketches: list              # likewise, also of what was checked
    silent: list
    malformed: list
    deadlines: list
    unheard: np.ndarray         # int: workers that nothing came from
    no_work: np.ndarray         # int

    @property
    def last(self):
        """Second at which the last thing happened."""
        times = [seconds for _, seconds in
                 self.payloads + self.silent + self.malformed]
        return max(self.whole, self.wait, *times,
                   self.files.end.max(initial=0))


def timeline_of(run, row):
    """Course of the step of this row of the log."""
    facts = run.steps[row]
    step, here = int(facts['step']), slice(row, row + 1)
    arrivals = run.arrivals_of(step)
    begun = arrivals[arrivals['kind'] == ArrivalKind.MODEL]
    if not begun.size:
        raise RunLogError(f'{run.path} holds no arrivals of step {step}: '
                          'it takes a job with log.detail = "arrivals"')
    arrivals['seconds'] -= begun['seconds'][0]
    sent = arrivals['worker'][arrivals['kind'] != ArrivalKind.SILENT]
    heard = np.isin(np.arange(run.n_workers), sent)
    no_work = run.read('excluded', here)[0]

    def of(kind):
        rows = arrivals[arrivals['kind'] == kind]
        return list(zip(rows['worker'].tolist(), rows['seconds'].tolist()))

    return Timeline(
        step=step, label=collected(run),
        # Whoever sends each file at once does not report it before.
        signalled=bool((arrivals['kind'] == ArrivalKind.PROGRESS).any()),
        n_workers=run.n_workers, wait=float(facts['seconds_wait']),
        whole=float(facts['seconds_step']),
        in_time=int(run.read('files_done', here).sum(dtype=int)),
        files=_files(run, arrivals, step,
                     run.read('contributors', here)[0],
                     run.read('copies', here)[0]),
        payloads=of(ArrivalKind.PAYLOAD),
        sketches=of(ArrivalKind.SKETCH), silent=of(ArrivalKind.SILENT),
        malformed=of(ArrivalKind.MALFORMED),
        deadlines=of(ArrivalKind.DEADLINE),
        unheard=np.flatnonzero(~heard & ~no_work),
        no_work=np.flatnonzero(no_work))


def _files(run, arrivals, step, contributors, copies):
    reports = arrivals[np.isin(arrivals['kind'], (ArrivalKind.PROGRESS,
                                                  ArrivalKind.REPLICA))]
    known = np.zeros(run.order.shape, dtype=bool)
    since = np.zeros(run.n_workers)
    pieces = []
    for worker, now, done in zip(reports['worker'], reports['seconds'],
                                 run.finished(reports)):
        fresh = np.flatnonzero(done & ~known[worker])
        times = np.linspace(since[worker], now, fresh.size + 1)
        pieces += zip([worker] * fresh.size, fresh, times, times[1:])
        known[worker] |= done
        since[worker] = now
    table = np.array(pieces, dtype=float).reshape(-1, 4)
    worker, position = table[:, :2].astype(int).T
    file = run.order_at(step)[worker, position]
    used = contributors[file, worker]
    shown = _shown(run, arrivals, run.order_at(step), copies)[file, worker]
    return Files(worker, file, table[:, 2], table[:, 3], used, shown & ~used)


def _shown(run, arrivals, order, copies):
    """Files that each worker showed, if the log can tell, bool (f, K).

    The log counts who showed each file when it was compared last; who it
    was is known where a challenge, or the replicas, make this number.
    """
    shown = np.ones(run.incidence.shape, dtype=bool)
    found = np.zeros(run.n_files, dtype=bool)
    for done in _challenges(run, arrivals):
        workers, positions = np.nonzero(done)
        senders = np.zeros_like(shown)
        senders[order[workers, positions], workers] = True
        fits = senders.sum(axis=1) == copies
        shown[fits] &= senders[fits]
        found |= fits
    return shown & found[:, None]


def _challenges(run, arrivals):
    """Positions of the order that were shown each time, bool (K, l).

    All replicas at once.  A challenge begins with the last payload: who
    answers shows what it had reported by then.
    """
    kinds, workers = arrivals['kind'], arrivals['worker']
    sent = kinds == ArrivalKind.REPLICA
    answers = np.flatnonzero(kinds == ArrivalKind.SKETCH)
    payloads = np.flatnonzero(kinds == ArrivalKind.PAYLOAD)
    begun = np.append(0, payloads)[np.searchsorted(payloads, answers)]
    for start in np.unique(begun):
        reported = np.isin(workers, workers[answers[begun == start]])
        reported[start:] = False
        yield _together(run, arrivals[reported])
    if sent.any():
        yield _together(run, arrivals[sent])


def _together(run, arrivals):
    done = np.zeros(run.order.shape, dtype=bool)
    np.logical_or.at(done, arrivals['worker'], run.finished(arrivals))
    return done
