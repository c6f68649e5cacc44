"""The checkpoint from which a run goes on, and what is known there."""

from dataclasses import dataclass, replace
from pathlib import Path

from aspis_mpi.errors import DamagedCheckpoint, JobError
from aspis_mpi.protocol.server.snapshot import Snapshot
from aspis_mpi.runlog import going_back, schema
from aspis_mpi.runlog.checkpoints import Checkpoints, load, step_of
from aspis_mpi.runlog.claims import real
from aspis_mpi.runlog.stretch import Stretch
from aspis_mpi.schemes.events import EventCode, Remark
from aspis_mpi.schemes.record import Cause, Rollback
from aspis_mpi.words import counted, few


@dataclass(frozen=True)
class Place:
    """A checkpoint to go on from.

    Attributes
    ----------
    file : Path
    snapshot : Snapshot
        Of the file.
    remarks : tuple of Remark
    rollbacks : tuple of Rollback
        By which the run has come there, and which are not finished.
    mixture : Snapshot or None
        See `Start`.
    """

    file: Path
    snapshot: Snapshot
    remarks: tuple[Remark, ...] = ()
    rollbacks: tuple[Rollback, ...] = ()
    mixture: Snapshot | None = None

    @property
    def stretch(self):
        """The stretch of the log that stays, and what is added to it."""
        members = (self.mixture or self.snapshot).members
        return Stretch(self.snapshot.step, True, turn=members.turn,
                       rollbacks=self.rollbacks,
                       order=members.order if self.rollbacks else None)


def newest(assembly, path, run, most=None):
    """The Place of the newest checkpoint that fits; None without any.

    It has at most so many steps, if that is given.
    """
    job, remarks, rows = assembly.job, [], run.n_steps
    kept = Checkpoints(path, job.run.keep)
    rollbacks = going_back.begun(kept)
    if rollbacks:
        # What is later was to be removed when a kill came.
        end = rollbacks[-1].end
        most = end if most is None else min(most, end)
    found = [file for file in kept.paths()
             if most is None or step_of(file) <= most]
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
            return Place(file, snapshot, tuple(
                Remark(EventCode.CHECKPOINT,
                       f'{remark}; the one before is used')
                for remark in remarks), rollbacks)
    if found:
        raise JobError('--resume: no checkpoint can be used: '
                       + '; '.join(remarks))
    if most is None and rows < job.run.steps and _had_checkpoint(run):
        raise JobError(_missing(path, run, kept))
    return None


def earlier(assembly, path, run, last, from_step):
    """The Place to which a person wants a run to go back.

    What is known of the workers, and the turn, are those of the newest one.
    """
    place = None if last is None else newest(assembly, path, run, from_step)
    kept = Checkpoints(path)
    if place is None:
        steps = few([step_of(file) for file in reversed(kept.paths())])
        raise JobError(
            f'--from-step {from_step}: {kept.folder} has no checkpoint of so '
            'many steps or fewer'
            + (f', but of {steps}' if steps else ', nor any other'))
    if place.snapshot.step == last.snapshot.step:
        return last
    end, members = place.snapshot.step, last.snapshot.members
    seconds = last.snapshot.seconds
    back = Rollback(members.turn, seconds, run.n_steps, end, Cause.HAND,
                    run.wrong_payloads(end))
    return replace(
        place, mixture=replace(place.snapshot, seconds=seconds,
                               members=members),
        rollbacks=(*last.rollbacks, back),
        remarks=(*last.remarks, *place.remarks, Remark(
            EventCode.ROLLBACK,
            f'the run goes back from step {back.start} to step {end}, as '
            f'--from-step {from_step} asks for; later checkpoints lie in '
            f'{kept.undone}')))


def _had_checkpoint(run):
    """True if a checkpoint was ever written.

    A log of an earlier version does not say it, but has its rows.
    """
    last = run.parts[-1].attrs.get(schema.LAST_CHECKPOINT)
    if last is not None:
        return last != schema.NO_CHECKPOINT
    every = run.option('run', 'checkpoint_every', 0)
    return len(run.parts) > 1 or 0 < every <= run.n_steps


def _missing(path, run, kept):
    """The missing checkpoint, and where it may be, in a sentence."""
    attrs = run.parts[-1].attrs
    last = attrs.get(schema.LAST_CHECKPOINT)
    of = '' if last is None else f" after {counted(last, 'step')}"
    written = Path(attrs.get(schema.CHECKPOINTS_IN, kept.folder))
    others = [folder for folder in
              (written, Checkpoints(real(path)).folder)
              if folder.resolve() != kept.folder.resolve()]
    there = [folder for folder in others if any(folder.glob('step-*.npz'))]
    if there:
        where = f'; there are some in {there[0]}: move them'
    elif others:
        where = f'; they were written to {others[0]}: bring them back'
    else:
        where = '; a log that is moved needs that folder beside it'
    return (f'--resume: {path} has {run.n_steps} steps and its last '
            f'checkpoint was written{of}, but none is in {kept.folder}'
            f'{where}, or give --overwrite instead to begin anew')
