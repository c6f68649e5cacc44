"""Where a run begins, or goes on after it was stopped or killed."""

from dataclasses import dataclass
from pathlib import Path

from aspis_mpi import config
from aspis_mpi.config import JobError
from aspis_mpi.inputs import check_unchanged
from aspis_mpi.outputs import named, output
from aspis_mpi.runlog.checkpoints import (
    Checkpoints, DamagedCheckpoint, load)
from aspis_mpi.runlog.opening import RunLogError
from aspis_mpi.runlog.parts import free
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.stretch import BEGINNING, InUse, Stretch, claim

#: Sections and keys of the job that may have changed in the meantime.
FREE = {'run.steps', 'run.out', 'run.model_out', 'run.evaluate_every',
        'run.checkpoint_every', 'run.keep', 'scheme.workers', 'faults',
        'run.accept_changes', 'network', 'log'}


@dataclass(frozen=True)
class Start:
    """Where a run begins.

    Attributes
    ----------
    path : Path
        The log that is written.
    first : Path
        The first log of the run, beside which the checkpoints lie.
    stretch : Stretch
        In the run.
    checkpoint : Path or None
        None at the beginning.
    overwrite : bool
        Whether what is there already is replaced.
    over : bool
        All steps are done already.
    remarks : tuple of str
        What a person should know, in sentences.
    """

    path: Path
    first: Path
    stretch: Stretch = BEGINNING
    checkpoint: Path | None = None
    overwrite: bool = False
    over: bool = False
    remarks: tuple = ()

    def load(self):
        """The Snapshot to go on from; None at the beginning."""
        return None if self.checkpoint is None else load(self.checkpoint)


def start(assembly, out, overwrite, resume, workers=None):
    """Where the run of a job begins, or goes on.

    Parameters
    ----------
    assembly : Assembly
        Of the job, for the workers that there are now.
    out : str, Path or None
        The run log, where the caller names it.
    overwrite, resume : bool
        As on the command line.
    workers : int, optional
        As many as the job says, if these are others.

    Returns
    -------
    Start

    Raises
    ------
    JobError
        The output cannot be written; or another job, or no checkpoint that
        can be used.
    """
    job = assembly.job
    if resume and overwrite:
        raise JobError('--resume and --overwrite: only one of them')
    if resume and named(job, out).exists():
        found = _find(assembly, named(job, out))
    elif workers not in (None, job.n_workers):
        raise JobError(ranks(job.path, workers, job.n_workers))
    else:
        path = output(job, out, overwrite)
        found = Start(path, path, overwrite=overwrite)
    _refuse_two_writers(found.path)
    return found


def _refuse_two_writers(path):
    """Say so early; the log itself makes sure."""
    if not path.exists():
        return
    try:
        claim(path).close()
    except InUse as error:
        raise JobError(f'{error}; is an earlier job still running?') from error


def ranks(path, workers, n_workers):
    """What is wrong with a job that does not fit the ranks, in words."""
    return (f'{path}: scheme.workers = {workers}: must be the number of '
            f'ranks - 1, which is {n_workers}; start it with mpirun -n '
            f'{workers + 1}')


def _find(assembly, path):
    try:
        with load_run(path) as run:
            _check(assembly.given, run)
            changes = check_unchanged(assembly.job, assembly.inputs,
                                      run.attrs.get('inputs'), path,
                                      '--resume')
            step, file, remarks = _newest(assembly, path, run)
            remarks += changes
            if file is None:
                return Start(path, path, overwrite=True, remarks=remarks,
                             over=run.n_steps >= assembly.job.run.steps)
            return _go_on(assembly, path, run, step, file, remarks)
    except RunLogError as error:
        raise JobError(f'--resume: {error}') from error


def _check(job, run):
    if 'continues' in run.attrs:
        raise JobError(f'--resume: {run.path} is a later part of a run; give '
                       f'that of its beginning, {run.attrs["continues"]}')
    differs = config.difference(
        job, config.recorded(run.config, str(run.path), job), FREE)
    if differs:
        key, value, theirs = differs
        raise JobError(f'{job.path}: {key} = {value!r}: --resume: {run.path} '
                       f'was run with {theirs!r}')


def _newest(assembly, path, run):
    """The newest checkpoint that fits, and what is wrong with others."""
    job, remarks, rows = assembly.job, [], run.n_steps
    kept = Checkpoints(path, job.run.keep)
    found = kept.paths()
    for file in found:
        try:
            snapshot = load(file)
        except DamagedCheckpoint as error:
            remarks.append(str(error))
            continue
        if snapshot.step > rows:
            remarks.append(f'{file} is not used, as {path} has the rows of '
                           f'{rows} steps only')
        elif snapshot.parameters.shape != (assembly.d,):
            remarks.append(f'{file} has {snapshot.parameters.size} '
                           f'parameters, not {assembly.d}')
        else:
            return snapshot.step, file, tuple(
                f'{remark}; the one before is used' for remark in remarks)
    if found:
        raise JobError('--resume: no checkpoint can be used: '
                       + '; '.join(remarks))
    if rows >= job.run.steps:
        return 0, None, ()
    if rows > job.run.checkpoint_every or len(run.parts) > 1:
        raise JobError(
            f'--resume: {path} has {rows} steps, but there is no checkpoint '
            f'in {kept.folder}; --overwrite begins anew')
    return 0, None, (f'there was no checkpoint yet in {kept.folder}: the run '
                     'begins anew',)


def _go_on(assembly, path, run, step, file, remarks):
    """Go on in the last log, or in a new one where the workers are others."""
    last = run.parts[-1]
    later = run.n_steps - step
    over = step >= assembly.job.run.steps
    schedule = assembly.job.optimizer.schedule
    if (run.option('run', 'steps') != assembly.job.run.steps
            and schedule != 'constant'):
        remarks += (f"run.steps was {run.option('run', 'steps')}: from here "
                    f"on the schedule '{schedule}' is another one",)
    if later and not over:
        remarks += (f'{later} later steps are done again',)
    design = assembly.assignment
    identity = str(run.parts[0].attrs.get('identity', ''))
    continues = (path.name, identity) if len(run.parts) > 1 else ()
    if (last.incidence.shape == design.incidence.shape
            and (last.incidence == design.incidence).all()
            and last.order.shape == design.order.shape or over):
        return Start(last.path, path, Stretch(step, True, *continues), file,
                     over=over, remarks=remarks)
    remarks += (f'{last.n_workers} workers with {last.n_files} files were '
                f'there, now {design.n_workers} with {design.n_files} and '
                f'{assembly.batches.batch_size} samples a step: the log goes '
                'on in another file',)
    return Start(free(path, len(run.parts) + 1), path,
                 Stretch(step, False, path.name, identity), file,
                 remarks=remarks)
