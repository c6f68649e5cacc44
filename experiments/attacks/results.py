"""What the table of attacks needs of a run, read from its log."""

import math
import tomllib
from dataclasses import dataclass

import numpy as np

from aspis_mpi import load_run
from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog.log_parts import beside
from aspis_mpi.schemes.record import MOST_CONTRADICTIONS, Outcome


@dataclass(frozen=True)
class Result:
    """One run; accuracies are of held-out samples, in per cent."""

    config: dict
    accuracy: float             # at the last evaluation
    late: tuple[float, ...]     # at the evaluations of the second half
    loss: float                 # held-out, at the last evaluation
    steps: int
    stopped: bool               # by the server, before the last step
    wrong_files: tuple[int, ...]
    found: float                # share of liars flagged, NaN without liars
    accused: int                # honest workers flagged, over all steps
    replication: float          # gradients that workers compute of a file
    audits: float               # and the server, of all files, a step
    bytes_in: float             # by the server, a step
    seconds: float              # of a core, all of the run; NaN if not noted
    parameters: bytes

    @property
    def diverged(self):
        """Whether training came to nothing that a number can hold."""
        return self.stopped or not math.isfinite(self.loss)


def read(path, job):
    """The result in a complete log of a job, None if there is no such log.

    Parameters
    ----------
    path : Path
    job : str
        The complete job as TOML.

    Returns
    -------
    Result or None
    """
    try:
        with load_run(path) as run:
            stopped = _stopped(run)
            if not (stopped or _finished(run)):
                return None
            if run.config != tomllib.loads(job):
                return None
            return _result(run, stopped)
    except (RunLogError, FileNotFoundError):
        return None


def _finished(run):
    steps = run.option('run', 'steps')
    return run.n_steps == steps and steps in run.evaluation['step']


def _stopped(run):
    """Whether the server gave the run up: its last steps contradict."""
    last = run.steps['verdict'][-MOST_CONTRADICTIONS:]
    return (len(last) == MOST_CONTRADICTIONS
            and bool((last == Outcome.CONTRADICTION).all()))


def _result(run, stopped):
    last, flagging = run.evaluation[-1], run.flagging
    with np.load(beside(run.path, '.npz')) as model:
        parameters = b''.join(model[name].tobytes() for name in model.files)
    return Result(
        config=run.config, accuracy=100 * float(last['accuracy']),
        late=_late(run), loss=float(last['loss']), steps=run.n_steps,
        stopped=stopped, wrong_files=tuple(run.wrong_files.tolist()),
        found=flagging.recall, accused=flagging.wrong,
        replication=float(run.incidence.sum(axis=1).mean()),
        audits=float(run.steps['audits'].mean()),
        bytes_in=float(run.steps['bytes_in'].mean()),
        seconds=_noted(run.path), parameters=parameters)


def note(path, seconds):
    """Write down beside a log what its run took of a core."""
    _beside(path).write_text(f'{seconds:.3f}\n')


def _noted(path):
    place = _beside(path)
    return float(place.read_text()) if place.exists() else math.nan


def _beside(path):
    return beside(path, '.seconds')


def _late(run):
    """Accuracies in the second half; the last one of a run that ended."""
    late = 2 * run.evaluation['step'] >= run.option('run', 'steps')
    late[-1] = True
    return tuple((100 * run.evaluation['accuracy'][late]).tolist())
