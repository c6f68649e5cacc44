"""Records of the jobs of a sweep, made before any of them is run.

Each run has a record, its complete job, so that a sweep file that is edited
while tasks of an array wait cannot change what they do unseen.
"""

import os
from uuid import uuid4

import tomli_w

from aspis_mpi.assembly import outputs, placing
from aspis_mpi.assembly.design import Design
from aspis_mpi.errors import InUse, JobError
from aspis_mpi.runlog import archive
from aspis_mpi.sweep.states import CHANGED, look
from aspis_mpi.sweep.sweep import RECORD
from aspis_mpi.words import counted, reason


def submit(sweep, simulated=True):
    """Check all jobs of a sweep and record those that are not yet.

    Parameters
    ----------
    sweep : Sweep
    simulated : bool
        Whether the ranks of its runs are.

    Raises
    ------
    JobError
        A job is wrong, and nothing is written; or the folder cannot be
        written.
    """
    fresh = [run for run in sweep.runs if not run.record.exists()]
    for run in fresh:
        _check(run, simulated)
    try:
        sweep.folder.mkdir(parents=True, exist_ok=True)
        for run in fresh:
            _write(run.record, f'# {run.title}\n\n{run.job.to_toml()}')
        whole = tomli_w.dumps(sweep.tables)
        record = sweep.folder / RECORD
        if not record.exists() or record.read_bytes() != whole.encode():
            _write(record, whole)
    except OSError as error:
        raise JobError(f'{sweep.folder}: it cannot be written: '
                       f'{reason(error)}; name another folder by --out'
                       ) from error


def _check(run, simulated):
    """Check a job as far as it needs neither data nor memory."""
    try:
        design = Design(run.job, leads=False)
        if simulated:
            placing.told(design)
    except Exception as error:
        # A traceback tells of no job; what has a line of its own does.
        error.add_note(f'This is of {run.title}.')
        raise


def refuse_changed(runs):
    """Refuse runs whose jobs are others than those of their names.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    list of (Run, State)
        All of them.

    Raises
    ------
    JobError
        It names the first of them, and what to do.
    """
    found = [(run, look(run)) for run in runs]
    changed = [(run, state) for run, state in found if state.word == CHANGED]
    if not changed:
        return found
    (run, state), *others = changed
    more = counted(len(others), 'other run has', 'other runs have')
    raise JobError(
        f'{run.title}: {state.reason}'
        + (f' ({more} changed, too)' if others else '')
        + '; call the setting otherwise, name another folder by --out, or '
        f"forget what was run with --fresh {run.name} (--fresh '*' forgets "
        'every run)')


def forget(run):
    """Remove all that there is of a run.

    Raises
    ------
    JobError
        It is being run, or cannot be removed.
    """
    if not run.folder.is_dir():
        return
    held = _claims(run)
    try:
        outputs.clear(run.log)
        for place in (run.log, *outputs.model_paths(run.job, run.log,
                                                    _saves(run)),
                      run.said, run.record):
            place.unlink(missing_ok=True)
    except OSError as error:
        raise outputs.refusal(run.log, error) from error
    finally:
        held.close()


def is_used(run):
    """True if another process does a run."""
    try:
        _claims(run).close()
    except JobError as error:
        return isinstance(error.__cause__, InUse)
    return False


def _claims(run):
    """Claims of all that a run writes."""
    return outputs.claims(run.job, run.log, True, _saves(run))


def _saves(run):
    """Suffixes of files that the problem of a run writes."""
    return tuple(getattr(Design(run.job, leads=False).problem, 'saves', ()))


def _write(path, text):
    """Write a file that is whole or not there; others may do the same."""
    made = path.with_name(f'.{path.name}.{uuid4().hex}')
    try:
        with open(made, 'x', encoding='utf-8') as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    archive.sync(path.parent)
