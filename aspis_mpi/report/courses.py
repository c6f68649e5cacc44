"""Courses of a few steps, worker by worker, from whatever the log has."""

import numpy as np

from aspis_mpi.errors import ReportError, RunLogError
from aspis_mpi.report.timeline import timeline_of

#: Steps at most; bars in all; arrivals that are looked through for them.
MOST, BARS, ARRIVALS = 12, 60_000, 20_000_000

#: What a bar can be: a file that is part of the result, one that was only
#: compared, another one; and where no arrivals are kept, all of the work.
USED, COMPARED, UNUSED, WORK = range(4)


def courses_of(run, wanted=None):
    """Courses of the slowest step, the wanted one, and a few others.

    Parameters
    ----------
    run : Run or JoinedRun
    wanted : int, optional
        Number of a step.

    Returns
    -------
    list of dict
        For JSON, as the page's script takes them.

    Raises
    ------
    ReportError
        The run has no such step.
    """
    numbers = run.steps['step']
    if wanted is not None and wanted not in numbers:
        raise ReportError(f'{run.path} has no step {wanted}'
                          + (f', only {numbers[0]} to {numbers[-1]}'
                             if len(numbers) else ''))
    if not len(numbers):
        return []
    found, bars = [], 0
    for row, why in _chosen(run, wanted):
        course = _course(run, int(numbers[row]), why)
        bars += len(course['bars'])
        # The first two are promised; the others come as long as they fit.
        if len(found) >= 2 and bars > BARS:
            break
        found.append(course)
    return found


def _chosen(run, wanted):
    """Rows of the steps, each with the reason, the important ones first."""
    steps = run.steps
    reasons = {}

    def choose(row, why):
        reasons.setdefault(int(row), why)

    if wanted is not None:
        choose(np.searchsorted(steps['step'], wanted), 'as asked for')
    seconds = steps['seconds_step']
    if np.isfinite(seconds).any():
        choose(np.nanargmax(seconds), 'the slowest')
    choose(len(steps) - 1, 'the last')
    choose(0, 'the first')
    # What is known of a step that was undone is not of the one that stands.
    undone = run.undone_exposures
    for proof in [it for it in run.exposures if it not in undone][:3]:
        row = int(np.searchsorted(steps['step'], proof.step))
        if row < len(steps):
            choose(row, f'worker {proof.worker} was exposed')
    for row in np.linspace(0, len(steps) - 1, MOST).astype(int):
        choose(row, '')
    return list(reasons.items())[:_most(run)]


def _most(run):
    """Number of steps for which it is quick to look through the arrivals."""
    rows = sum(part.n_arrivals for part in run.parts)
    return int(np.clip(ARRIVALS // max(rows, 1), 2, MOST))


def _course(run, step, why):
    part = run.part_of(step)
    row = int(np.searchsorted(part.steps['step'], step))
    course = {'step': step, 'why': why, 'workers': part.n_workers}
    try:
        return course | _by_arrivals(timeline_of(part, row), part.read(
            'files_done', slice(row, row + 1))[0])
    except RunLogError:
        return course | _by_reports(part, row)


def _by_arrivals(it, done):
    files = it.files
    state = np.select([files.used, files.compared], [USED, COMPARED], UNUSED)
    bars = [list(bar) for bar in zip(
        files.worker.tolist(), files.begin.tolist(), files.end.tolist(),
        state.tolist(), files.file.tolist())]
    payloads = it.payloads
    if not it.signalled:
        # A sum that comes unasked is the first that is heard of a worker.
        firsts = dict(reversed(payloads))
        bars += [[worker, 0.0, at, WORK, int(done[worker])]
                 for worker, at in sorted(firsts.items())]
        payloads = [(worker, at) for worker, at in payloads
                    if at > firsts[worker]]
    return {
        'arrivals': True, 'wait': it.wait, 'whole': it.whole,
        'signalled': it.signalled, 'bars': bars,
        'payloads': payloads, 'sketches': it.sketches, 'silent': it.silent,
        'malformed': it.malformed,
        'deadlines': [seconds for _, seconds in it.deadlines[:1]],
        'unheard': it.unheard.tolist(), 'idle': it.no_work.tolist()}


def _by_reports(run, row):
    """One bar a worker, to its last report; a log always has these."""
    here, facts = slice(row, row + 1), run.steps[row]
    last, done, idle = (run.read(name, here)[0] for name in (
        'last_report', 'files_done', 'excluded'))
    heard = np.isfinite(last)
    return {
        'arrivals': False, 'signalled': False,
        'wait': _known(facts['seconds_wait']),
        'whole': _known(facts['seconds_step']),
        'bars': [[int(worker), 0.0, float(last[worker]), WORK,
                  int(done[worker])] for worker in np.flatnonzero(heard)],
        'payloads': [], 'sketches': [], 'silent': [], 'malformed': [],
        'deadlines': [],
        'unheard': np.flatnonzero(~heard & ~idle).tolist(),
        'idle': np.flatnonzero(idle).tolist()}


def _known(seconds):
    return float(seconds) if np.isfinite(seconds) else None
