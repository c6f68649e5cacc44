"""State of each run of a sweep, told from its record and its log."""

from dataclasses import dataclass

from aspis_mpi.errors import RunLogError
from aspis_mpi.job.differences import difference, recorded
from aspis_mpi.job.loading import read
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.events import EventCode

DONE, PARTIAL, MISSING = 'done', 'partial', 'missing'
FAILED, CHANGED = 'failed', 'changed'
#: In the order of a list.
STATES = DONE, PARTIAL, MISSING, FAILED, CHANGED

#: Events with which a run begins or goes on.
BEGINNINGS = EventCode.RESUMED, EventCode.RESTARTED


@dataclass(frozen=True)
class State:
    """State of a run.

    Attributes
    ----------
    word : str
        One of `STATES`.
    steps, of : int
        Those that its log has, and all.
    reason : str
        Of a run that failed, or of another job; else empty.
    """

    word: str
    steps: int
    of: int
    reason: str = ''

    def __str__(self):
        if self.word == DONE:
            return self.word
        told = f', {self.steps} of {self.of} steps' if self.steps else ''
        return self.word + told + (f': {self.reason}' if self.reason else '')


def look(run):
    """The State of a run.

    Parameters
    ----------
    run : Run

    Raises
    ------
    JobError
        Its job is wrong.
    """
    of = run.job.run.steps
    if run.record.exists():
        changed = _changed(run, read(run.record), run.record)
        if changed:
            return State(CHANGED, 0, of, changed)
    if not run.log.exists():
        return State(MISSING, 0, of)
    try:
        with load_run(run.log) as log:
            return _logged(run, log, of)
    except RunLogError as error:
        return State(PARTIAL, 0, of, str(error))


def _logged(run, log, of):
    """State of a run that has a log."""
    changed = _changed(run, log.config, run.log)
    if changed:
        return State(CHANGED, log.n_steps, of, changed)
    # The model comes last, after the log is closed.
    if log.n_steps >= of and run.model.exists() and (
            of in log.evaluation['step']):
        return State(DONE, of, of)
    reason = failure(log) if log.n_steps < of else ''
    return State(FAILED if reason else PARTIAL, log.n_steps, of, reason)


def failure(log):
    """The reason why a run ended by itself before its last step, or ''."""
    last = ''
    for event in log.events:
        if event.code in BEGINNINGS:
            last = ''
        elif event.code == EventCode.FAILED:
            last = event.text.partition('\n')[0]
    return last


def _changed(run, tables, path):
    """The key in which a job is another one than before, or ''."""
    found = difference(run.job, recorded(tables, str(path), run.job), set())
    if not found:
        return ''
    key, value, other = found
    return f'{key} = {value!r}, but {path} has {other!r}'
