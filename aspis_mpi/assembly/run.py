"""The composition root under MPI: runs a job, called by every rank."""

import faulthandler
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from aspis_mpi.assembly import placing, sameness
from aspis_mpi.assembly.ends import (
    AnyJob, AnyProblem, Remarks, close, enter, open_log, read, save_again)
from aspis_mpi.assembly.rehearsing import rehearse
from aspis_mpi.assembly.start import Start, begin, misfit
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends import libraries
from aspis_mpi.backends.awake import AwakeClock
from aspis_mpi.backends.bell import Bell, Bells
from aspis_mpi.backends.hosts import Places
from aspis_mpi.backends.launcher import Launch, launch
from aspis_mpi.backends.signals import Signals
from aspis_mpi.errors import BAD_JOB, DONE, FAILED, JobError
from aspis_mpi.job.job import Job
from aspis_mpi.learning import devices
from aspis_mpi.learning.guard.mistake import told
from aspis_mpi.protocol.buffers import Pool

log = logging.getLogger(__name__)

#: Seconds within which MPI has to start.
START = 600.0

#: Characters of a traceback that travel to rank 0.
TRACE = 3000

#: What ranks agree upon where there is nothing left to do.
OVER = -1


def run(job: AnyJob, problem: AnyProblem = None, *,
        settings: Iterable[str] = (), out: str | Path | None = None,
        overwrite: bool = False, resume: bool = False,
        check: bool = False,
        from_step: int | None = None) -> tuple[int, Path | None]:
    """Run a job under MPI; called by every rank.

    Parameters
    ----------
    job : str, Path or Job
        A job, or the path of its file.
    problem : Problem or callable, optional
        Instead of the one that the job names.  A class, or a function, is
        called with the job's seed, once for each problem that is needed; an
        object is rank 0's, simulated workers get copies of it
        (`copy.deepcopy`).
    settings : iterable of str
        `section.key=value`, as on the command line; not for a `Job`.
    out : str or Path, optional
        The run log; default `run.out` of the job, or runs/NAME-TIME.h5.
    overwrite : bool
        Whether an existing log is replaced.
    resume : bool
        Whether an existing run goes on from its last checkpoint; then it may
        have other workers than the job says.
    check : bool
        Only check the job.
    from_step : int, optional
        With `resume`: go back first, to the newest checkpoint of so many
        steps or fewer.  What is known of the workers stays.

    Returns
    -------
    code : int
        0 done, 2 the start-up probe found what the job does not allow, 3
        the run failed, 75 it was stopped after a checkpoint.
    path : Path or None
        Of the log, on rank 0.

    Raises
    ------
    JobError
        On every rank, also when only one finds something wrong, or more
        than scheme.adversaries ranks have another job than rank 0, before
        any computes; rank 0 alone looks at the output.
    """
    here = launch()
    _refuse_singletons(here)
    if here.keeps_signals and not here.rank:
        log.warning("Intel MPI's mpirun keeps signals to itself: what should "
                    'end this run would leave it running; use mpiexec.')

    def prepare() -> Prepared:
        assembly, said = _assemble(
            read(job, settings, problem, here.size - 1), problem, here,
            resume)
        start = None if here.rank else begin(assembly, out, overwrite,
                                             resume, said, from_step)
        return Prepared(assembly, start, sameness.facts(assembly))
    if check:
        with prepare() as made:
            return 0, None if made.start is None else made.start.first
    with Signals() as signals, ExitStack() as held:
        ready, trouble = _prepared(prepare, here, held)
        ranks, comm = _begin_mpi()
        remarks: Remarks = ()
        if ready is not None and ready.start and not ready.over:
            remarks, trouble = _rehearsed(ready.assembly)
        code = _agree(ranks, comm, here, trouble, ready)
        if ready is None or code not in (DONE, OVER):
            return code, None
        if code == OVER:
            return 0, (None if ready.start is None else
                       save_again(ready.assembly, ready.start))
        return _take_part(ready, ranks, comm, signals, remarks)


@dataclass(frozen=True)
class Prepared:
    """All that a rank has made before MPI starts.

    Attributes
    ----------
    assembly : Assembly
    start : Start or None
        Where the run begins, on rank 0.
    facts : dict of str to str
        To be the same on all ranks.
    """

    assembly: Assembly
    start: Start | None
    facts: dict[str, str]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.start is not None:
            self.start.claims.close()

    @property
    def over(self) -> bool:
        """True on rank 0 if all steps are done already."""
        return self.start is not None and self.start.over


def _prepared(prepare: Callable[[], Prepared], here: Launch, held: ExitStack
              ) -> tuple[Prepared | None, BaseException | None]:
    """All that a rank has prepared, or why it cannot begin."""
    try:
        return held.enter_context(prepare()), None
    except BaseException as error:
        # Before MPI starts, which may fail.
        if not here.rank:
            _say(error, 0)
        return None, error


def _rehearsed(assembly: Assembly) -> tuple[Remarks, BaseException | None]:
    """Remarks on the problem, or why rank 0 cannot begin."""
    try:
        return rehearse(assembly), None
    except BaseException as error:
        _say(error, 0)
        return (), error


def _say(trouble: BaseException, rank: int) -> None:
    """Say why a rank cannot begin."""
    if isinstance(trouble, JobError):
        trouble.tell()
        return
    log.error('rank %d failed:\n%s', rank, told(trouble))


def _begin_mpi() -> tuple[Any, Any]:
    """The MPI backend and a communicator of all ranks."""
    # A rank that dies before MPI has started may leave the others there.
    faulthandler.dump_traceback_later(START, exit=True)
    try:
        ranks = _backend()
        return ranks, ranks.world()
    finally:
        faulthandler.cancel_dump_traceback_later()


def _backend() -> Any:
    """The module that starts MPI when it is imported."""
    try:
        from aspis_mpi.backends.mpi import ranks
    except (ImportError, RuntimeError) as error:
        raise JobError(libraries.missing(error)) from error
    return ranks


def _refuse_singletons(here: Launch) -> None:
    if here.is_singleton_of_many:
        raise JobError(
            f'SLURM started {here.slurm_tasks} tasks that do not know of '
            'each other (rank 0 of 1 each); use mpirun in the allocation, or '
            'srun with the --mpi type of this MPI')
    if here.size < 2:
        raise JobError('run needs a parameter server and workers, at least 2 '
                       'ranks; start it with mpirun -n 16 python -m '
                       'aspis_mpi run ..., or use simulate')


def _assemble(job: Job, problem: AnyProblem, here: Launch,
              resume: bool) -> tuple[Assembly, int]:
    """The parts of a job, and how many workers it asks for itself."""
    said, n_workers = job.n_workers, here.size - 1
    if said != n_workers and not resume:
        raise JobError(misfit(job.path, said, n_workers))
    job = replace(job, scheme=job.scheme.model_copy(
        update={'workers': n_workers}))
    return Assembly(job, problem, not here.rank), said


def _agree(ranks: Any, comm: Any, here: Launch, trouble: BaseException | None,
           ready: Prepared | None) -> int:
    """Begin on all ranks or on none; 0, or the exit code of all.

    `OVER` where there is nothing left to do.
    """
    if comm.size != here.size:
        raise JobError(
            f'the launcher started {here.size} ranks, but MPI knows '
            f'{comm.size}: mpirun and libmpi belong to different MPIs; '
            f'{libraries.advice() or "see python -m aspis_mpi doctor"}'
            ) from trouble
    over = ready is not None and ready.over
    code, text = OVER if over else DONE, ''
    if isinstance(trouble, JobError):
        code, text = BAD_JOB, f'{trouble}\n{trouble.trace[-TRACE:]}'
    elif trouble is not None:
        code = FAILED
    code, rank, text = ranks.agree(comm, code, text)
    own = trouble if rank == comm.rank else None
    if code == BAD_JOB and own is not None:
        raise own
    if code == BAD_JOB:
        text, _, trace = text.partition('\n')
        error = JobError(f'rank {rank}: {text}' if rank else text)
        error.trace = trace
        raise error
    # What fails everywhere fails alike: one rank is enough to tell it.
    if code == FAILED and own is not None and rank:
        _say(own, rank)
    return code


def _take_part(ready: Prepared, ranks: Any, comm: Any, signals: Signals,
               remarks: Remarks) -> tuple[int, Path | None]:
    """Serve on rank 0 and work on the others, on all or on none."""
    assembly = ready.assembly
    without, idle = sameness.agree(comm, assembly.job, ready.facts)
    with ranks.guard(comm):
        device = assembly.job.runtime.device
        places = ranks.places(comm, devices.own(device), device == 'cpu')
        bells = ranks.bells(comm)
    remarks = *remarks, *placing.settle(comm, assembly, places)
    with ranks.guard(comm):
        if ready.start is None:
            return _work(assembly, comm, bells, signals, idle), None
        return _serve(assembly, ranks, comm, bells, places, ready.start,
                      signals, without, remarks)


def _work(assembly: Assembly, comm: Any, bell: Bell | None,
          signals: Signals, idle: bool) -> int:
    """Ranks 1 ... K."""
    clock = time.perf_counter
    from aspis_mpi.backends.mpi.mailbox import Mailbox
    from aspis_mpi.backends.mpi.worker import WorkerLoop
    mail = Mailbox.of_worker(comm, assembly.wire(), Pool(assembly.d), bell)
    loop = WorkerLoop(mail, clock, signals, assembly.linger)
    if idle:
        return loop.stand_by()
    return loop.run(lambda: assembly.worker(comm.rank - 1, clock))


def _serve(assembly: Assembly, ranks: Any, comm: Any, bells: Bells | None,
           places: Places, start: Start, signals: Signals,
           without: dict[int, str],
           remarks: Remarks) -> tuple[int, Path]:
    """Rank 0: exit code, and path of the run's first log."""
    from aspis_mpi.backends.mpi.mailbox import Mailbox
    from aspis_mpi.backends.mpi.server import ServerLoop
    clock = AwakeClock()
    with open_log(assembly, start, 'wall', ranks.library(), places.hosts,
                  places.source, places.devices, without) as run_log:
        kept = assembly.checkpoints(start.first)
        server = assembly.server(clock, True, places.keys[1:],
                                 places.vouched, kept)
        enter(server, start, remarks, assembly.assignment.placement)
        server.bar(without)
        keeper = assembly.keeper(server, run_log, kept)
        mail = Mailbox.of_server(comm, assembly.wire(), assembly.incoming(),
                                 bells)
        loop = ServerLoop(mail, server, keeper, clock, signals)

        return loop.run(lambda: close(
            assembly, server, keeper, run_log, start.first)), start.first
