"""The beginning of a run, or its going on after it was stopped or killed."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from aspis_mpi.assembly import outputs, room
from aspis_mpi.assembly.going_on import earlier, newest
from aspis_mpi.errors import InUse, JobError, RunLogError
from aspis_mpi.job.differences import changed, difference, recorded
from aspis_mpi.job.inputs import check_unchanged
from aspis_mpi.protocol.server.snapshot import Snapshot
from aspis_mpi.runlog import going_back
from aspis_mpi.runlog.checkpoints import Checkpoints, load
from aspis_mpi.runlog.claims import Claims, claim, real
from aspis_mpi.runlog.log_parts import free
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.stretch import BEGINNING, Stretch
from aspis_mpi.schemes.events import EventCode, Remark
from aspis_mpi.words import counted

#: Sections and keys of the job that may have changed in the meantime.
FREE = {'run.steps', 'run.out', 'run.model_out', 'run.ledger',
        'run.evaluate_every', 'run.checkpoint_every', 'run.keep',
        'scheme.workers', 'faults', 'run.accept_changes', 'network', 'log'}


@dataclass(frozen=True)
class Start:
    """The place where a run begins: log, step, and what is there already.

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
    mixture : Snapshot or None
        To go on from instead, where somebody wants the run to go back: the
        checkpoint, with what the newest one knows of workers.
    overwrite : bool
        Whether what is there already is replaced.
    aside : Path or None
        Under which name the log is kept that is there already.
    over : bool
        All steps are done already.
    remarks : tuple of Remark
        What a person should know, in sentences.
    claims : Claims
        Of the names under which the run writes.
    """

    path: Path
    first: Path
    stretch: Stretch = BEGINNING
    checkpoint: Path | None = None
    mixture: Snapshot | None = None
    overwrite: bool = False
    aside: Path | None = None
    over: bool = False
    remarks: tuple[Remark, ...] = ()
    claims: Claims = field(default_factory=Claims)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.claims.close()

    @property
    def goes_on(self):
        """True if there is a log of this run already."""
        return bool(self.stretch.goes_on or self.stretch.continues
                    or self.aside)

    def make_room(self):
        """Put away or remove what an earlier run has left."""
        if self.aside is not None:
            real(self.path).rename(self.aside)
        if self.overwrite:
            outputs.clear(self.first)
        if self.stretch.rollbacks:
            self._go_back(Checkpoints(self.first))

    def _go_back(self, kept):
        """Go back, or go on with that where a kill came between."""
        try:
            if self.mixture is not None:
                going_back.begin(kept, self.stretch.rollbacks, self.mixture)
            going_back.drop(kept, self.stretch.rollbacks[-1])
        except OSError as error:
            raise JobError(f'{kept.folder} cannot be written: {error}'
                           ) from error

    def settle(self):
        """The log is as it should be, too: no going back is unfinished."""
        going_back.end(Checkpoints(self.first))

    def load(self):
        """The Snapshot to go on from; None at the beginning."""
        if self.mixture is not None:
            return self.mixture
        return None if self.checkpoint is None else load(self.checkpoint)


def begin(assembly, out, overwrite, resume, workers=None, from_step=None):
    """Find where the run of a job begins, or goes on.

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
    from_step : int, optional
        Where a run that goes on goes back first: to its newest checkpoint
        of so many steps or fewer.

    Returns
    -------
    Start
        Nobody else begins with these files until its `with` is over.

    Raises
    ------
    JobError
        The output cannot be written, or another run writes it; or another
        job, or no checkpoint that can be used; or no memory for the data.
    """
    job = assembly.job
    room.check_data(job, assembly.problem)
    if resume and overwrite:
        raise JobError('--resume and --overwrite: only one of them')
    if from_step is not None and not resume:
        raise JobError(f'--from-step {from_step}: only with --resume')
    path = (outputs.named(job, out) if resume
            else outputs.log_path(job.path, out, job))
    claims = outputs.claims(job, path, resume or overwrite, assembly.saves)
    try:
        found = _start(assembly, path, overwrite, resume, workers, from_step)
        outputs.check_room(assembly, found.first)
        _refuse_two_writers(found.path, claims)
    except BaseException:
        claims.close()
        raise
    return replace(found, claims=claims)


def _start(assembly, path, overwrite, resume, workers, from_step):
    job = assembly.job
    if resume and path.exists():
        return _find(assembly, path, from_step)
    if from_step is not None:
        raise JobError(f'--from-step {from_step}: there is no run log {path}')
    if workers not in (None, job.n_workers):
        raise JobError(misfit(job.path, workers, job.n_workers))
    if resume:
        outputs.refuse_remains(job, path, assembly.saves)
    elif not overwrite:
        outputs.refuse_existing(job, path, assembly.saves)
    return Start(path, path, overwrite=overwrite)


def _refuse_two_writers(path, claims):
    """Say so early; the log itself makes sure."""
    try:
        claims.take(path)
        if path.exists():
            claim(path).close()
    except (InUse, OSError) as error:
        raise outputs.refusal(path, error) from error


def misfit(path, workers, n_workers):
    """The refusal of a job that does not fit the ranks, in words."""
    return (f'{path}: scheme.workers = {workers}: must be the number of '
            f'ranks - 1, which is {n_workers}; start it with mpirun -n '
            f'{workers + 1}')


def _find(assembly, path, from_step):
    try:
        with load_run(path) as run:
            _check(assembly.given, run)
            changes = check_unchanged(assembly.job, assembly.inputs,
                                      run.attrs.get('inputs'), path,
                                      '--resume')
            changes = tuple(Remark(EventCode.CHANGED, text)
                            for text in changes)
            place = newest(assembly, path, run)
            if from_step is not None:
                place = earlier(assembly, path, run, place, from_step)
            if place is None:
                begun = _anew(assembly, path, run)
                return replace(begun, remarks=begun.remarks + changes)
            return _go_on(assembly, path, run, replace(
                place, remarks=place.remarks + changes))
    except RunLogError as error:
        raise JobError(f'--resume: {error}') from error


def _anew(assembly, path, run):
    """Begin again, unless all was done; what there is stays beside."""
    if run.n_steps >= assembly.job.run.steps:
        return Start(path, path, over=True)
    kept = outputs.aside(path)
    return Start(path, path, aside=kept, remarks=(Remark(
        EventCode.RESTARTED,
        f'there was no checkpoint yet in {Checkpoints(path).folder}: the run '
        f"begins anew, the log of {counted(run.n_steps, 'step')} is kept as "
        f'{kept}'),))


def _check(job, run):
    if 'continues' in run.attrs:
        raise JobError(f'--resume: {run.path} is a later part of a run; give '
                       f'that of its beginning, {run.attrs["continues"]}')
    refuse_difference(job, run.config, run.path, '--resume:', FREE)


def refuse_difference(job, tables, path, how, free):
    """Raise a JobError where a job differs from that of a run log.

    Parameters
    ----------
    job : Job
    tables : dict
        The recorded job.
    path : Path
        Of the log.
    how : str
        What is asked for, '--resume:' say.
    free : set of str
        Sections and keys that may differ.
    """
    differs = difference(job, recorded(tables, str(path), job), free)
    if differs:
        key, value, theirs = differs
        raise JobError(f'{job.path}: {key} = {value!r}: {how} {path} was run '
                       f'with {theirs!r}')


def _go_on(assembly, path, run, place):
    """Go on in the last log, or in a new one where the workers are others."""
    last, remarks = run.parts[-1], place.remarks
    step, stretch = place.snapshot.step, place.stretch
    later = 0 if place.mixture else run.n_steps - step
    over = step >= assembly.job.run.steps
    schedule = assembly.job.optimizer.schedule
    if (run.option('run', 'steps') != assembly.job.run.steps
            and schedule != 'constant'):
        remarks += Remark(
            EventCode.SCHEDULE,
            f"run.steps was {run.option('run', 'steps')}: from here on the "
            f"schedule '{schedule}' is another one"),
    remarks += tuple(Remark(EventCode.PATIENCE, f'{text} from here on')
                     for text in changed(
                         assembly.given, recorded(run.config, str(path),
                                                  assembly.given), 'faults'))
    if later and not over:
        remarks += Remark(EventCode.REPEATED,
                          f'{later} later steps are done again'),
    design = assembly.assignment
    identity = str(run.parts[0].attrs.get('identity', ''))
    continues = (path.name, identity) if len(run.parts) > 1 else ()
    # By their hosts the same design has other workers at other places.
    placed = assembly.job.assignment.placement == 'hosts'
    if (last.incidence.shape == design.incidence.shape
            and (placed or (last.incidence == design.incidence).all())
            and last.order.shape == design.order.shape or over):
        first, its = continues or ('', '')
        return Start(last.path, path, replace(
            stretch, continues=first, identity=its), place.file,
            place.mixture, over=over, remarks=remarks)
    remarks += Remark(
        EventCode.CONTINUED, f'{_difference(last, assembly)}: the log goes '
        'on in another file'),
    return Start(free(path, len(run.parts) + 1), path, replace(
        stretch, goes_on=False, continues=path.name, identity=identity,
        order=None), place.file, place.mixture, remarks=remarks)


def _difference(last, assembly):
    """A clause on what is another design than in the last log."""
    design = assembly.assignment
    if last.incidence.shape != design.incidence.shape:
        return (f'{last.n_workers} workers with {last.n_files} files were '
                f'there, now {design.n_workers} with {design.n_files} and '
                f'{assembly.batches.batch_size} samples a step')
    before, now = last.order.shape[1], design.width
    if before == now:
        return 'workers have other files than before'
    return (f'a worker could have {before} files while others are away, now '
            f'{now}')
