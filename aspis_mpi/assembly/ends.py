"""The beginning and the end of a run, under MPI and simulated alike."""

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aspis_mpi.assembly.keeper import Keeper
from aspis_mpi.assembly.outputs import model_path
from aspis_mpi.assembly.start import Start
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import (
    InUse, JobError, LedgerError, Mistake, RunLogError)
from aspis_mpi.job import loading
from aspis_mpi.job.job import Job
from aspis_mpi.learning.problem import Problem
from aspis_mpi.protocol.server.machine import ParameterServer
from aspis_mpi.runlog import archive, ledger
from aspis_mpi.runlog.judging import findings
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.writer import RunLog
from aspis_mpi.schemes.events import EventCode, Remark

log = logging.getLogger(__name__)

#: A job, or the path of its file; a problem, or what makes one.
AnyJob = str | Path | Job
AnyProblem = Problem | Callable[..., Problem] | None
#: What a person should know, as the log keeps it.
Remarks = Sequence[Remark]


def read(job: AnyJob, settings: Iterable[str], problem: AnyProblem,
         n_workers: int | None) -> Job:
    """The job that a caller gives, itself or by the path of its file."""
    if isinstance(job, Job):
        if settings := list(settings):
            raise JobError(
                f'{job.path}: settings = {settings}: a Job has its values '
                'already; give the path of its file, or make it with '
                'aspis_mpi.job.loading.load(path, settings)')
        return job
    return loading.load(job, settings, n_workers, problem)


def open_log(assembly: Assembly, start: Start, clock: str, mpi: str = '',
             hosts: Sequence[str] = (), hosts_from: str = 'simulated',
             devices: Sequence[str] = (),
             without: Iterable[int] = ()) -> RunLog:
    """The open log, without anything of a run that it replaces."""
    if start.goes_on:
        # Steps that are done again would take along what was found there.
        book(assembly.job, start.first)
    start.make_room()
    try:
        run_log = assembly.run_log(start, clock, mpi, hosts, hosts_from,
                                   devices, without)
    except (FileExistsError, InUse) as error:
        # Of somebody who claims nothing.
        raise JobError(str(error)) from error
    start.settle()
    return run_log


def enter(server: ParameterServer, start: Start, remarks: Remarks = (),
          placement: Any = None) -> None:
    """Let a server go on where the run was stopped.

    `placement` is that of the workers now, by their hosts.
    """
    snapshot = start.load()
    same = snapshot is None or server.resume(snapshot)
    for remark in (*remarks, *start.remarks):
        layout = remark.code is EventCode.LAYOUT
        server.notes.note(logging.INFO if layout else logging.WARNING,
                          *remark)
    if snapshot is not None and not np.array_equal(
            snapshot.members.placement, placement):
        server.notes.note(
            logging.WARNING, EventCode.LAYOUT, 'the ranks are on other hosts '
            'than before: from here on workers have other files')
    if snapshot is not None:
        server.notes.note(
            logging.WARNING, EventCode.RESUMED,
            f'the run goes on with step {server.first}'
            + ('' if same else ', with other workers or hosts: what was '
               'known is forgotten, but for the exposure of those that the '
               'launcher says are where they were'))


def close(assembly: Assembly, server: ParameterServer, keeper: Keeper,
          run_log: RunLog, path: Path) -> None:
    """Write what is left of a run, also of a failed one.

    Raises
    ------
    Mistake
        The model is saved as plain parameters, and the log says why.
    """
    arrays, wrong = assembly.model(server.parameters.values)
    try:
        if wrong:
            server.notes.note(logging.ERROR, EventCode.MODEL, wrong)
        keeper.close()
        run_log.close()
    finally:
        book(assembly.job, path)
        _save(assembly, path, arrays, wrong)
    if wrong:
        raise Mistake(wrong)


def book(job: Job, path: Path) -> None:
    """Append to the host ledger of a job what the log of its run says.

    Parameters
    ----------
    job : Job
    path : Path
        Of the run's first log.
    """
    if job.run.ledger is None:
        return
    try:
        with load_run(path.absolute()) as run:
            ledger.append(job.run.ledger, findings(run))
    except (OSError, LedgerError, RunLogError) as error:
        # What was trained counts; show --why still tells it from the log.
        log.error('%s: nothing of this run is in run.ledger: %s', path, error)


def _save(assembly: Assembly, path: Path, arrays: dict[str, Any],
          wrong: str) -> None:
    """Write the model; if nothing is wrong, as the problem does, too."""
    place = model_path(assembly.job, path)
    archive.save(place, arrays)
    for suffix in () if wrong else assembly.saves:
        archive.replace(place.with_suffix(suffix), lambda file: (
            assembly.problem.write(file, arrays)))


def save_again(assembly: Assembly, start: Start) -> Path:
    """Save the model of a run that is done, if a kill came before that."""
    print(f'aspis_mpi: {start.first}: all {assembly.job.run.steps} steps are '
          'done already', file=sys.stderr, flush=True)
    book(assembly.job, start.first)
    if start.checkpoint is not None:
        arrays, wrong = assembly.model(start.load().parameters)
        _save(assembly, start.first, arrays, wrong)
        if wrong:
            log.error(wrong)
    elif not (model := model_path(assembly.job, start.first)).exists():
        print(f'aspis_mpi: {model} is missing, and so are the checkpoints '
              'from which it could be saved again', file=sys.stderr,
              flush=True)
    return start.first
