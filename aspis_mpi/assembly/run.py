"""The composition root: runs a job under MPI, simulated, or once more."""

import faulthandler
import logging
import sys
import time
from contextlib import ExitStack, nullcontext
from dataclasses import replace

from aspis_mpi.assembly import sameness
from aspis_mpi.assembly.crew import Crew
from aspis_mpi.assembly.outputs import model_path
from aspis_mpi.assembly.replay import Recorded
from aspis_mpi.assembly.start import ranks, start as begin
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends import libraries
from aspis_mpi.backends.launcher import launch
from aspis_mpi.backends.signals import Signals
from aspis_mpi.backends.simulated import (
    Network, VirtualClock, simulate as drive)
from aspis_mpi.errors import BAD_JOB, FAILED, InUse, JobError, Mistake
from aspis_mpi.job import loading as config
from aspis_mpi.learning import devices
from aspis_mpi.learning.guard.mistake import told
from aspis_mpi.protocol.buffers import Pool
from aspis_mpi.runlog import archive
from aspis_mpi.schemes.events import EventCode

log = logging.getLogger(__name__)

#: Seconds within which MPI has to start.
START = 600.0

#: Characters of a traceback that travel to rank 0.
TRACE = 3000

#: What ranks agree upon where there is nothing left to do.
OVER = -1


def run(job, problem=None, *, settings=(), out=None, overwrite=False,
        resume=False, check=False):
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

    def prepare():
        assembly, said = _assemble(_job(job, settings, problem,
                                        here.size - 1),
                                   problem, here, resume)
        start = None if here.rank else begin(assembly, out, overwrite,
                                             resume, said)
        return assembly, start, sameness.facts(assembly)
    if check:
        _, start, _ = prepare()
        with start or nullcontext():
            return 0, start and start.first
    assembly = start = trouble = facts = None
    with Signals() as signals, ExitStack() as held:
        try:
            assembly, start, facts = prepare()
            held.enter_context(start or nullcontext())
        except BaseException as error:
            trouble = error
            # Before MPI starts, which may fail.
            if not here.rank:
                _say(trouble, 0)
        mpi, comm = _begin_mpi()
        remarks = ()
        try:
            if trouble is None and start is not None and not start.over:
                remarks = assembly.rehearse()
        except BaseException as error:
            trouble = error
            _say(trouble, 0)
        code = _agree(mpi, comm, here, trouble, start)
        if code == OVER:
            return 0, _again(assembly, start) if start else None
        if code:
            return code, None
        without, idle = sameness.agree(comm, assembly.job, facts)
        with mpi.guard(comm):
            device = assembly.job.runtime.device
            places = mpi.places(comm, devices.own(device), device == 'cpu')
            if comm.rank:
                return _work(assembly, comm, signals, idle), None
            return _serve(assembly, mpi, comm, places, start, signals,
                          without, remarks)


def _say(trouble, rank):
    """Say why a rank cannot begin."""
    if isinstance(trouble, JobError):
        trouble.tell()
        return
    log.error('rank %d failed:\n%s', rank, told(trouble))


def _begin_mpi():
    """The MPI backend and a communicator of all ranks."""
    # A rank that dies before MPI has started may leave the others there.
    faulthandler.dump_traceback_later(START, exit=True)
    try:
        mpi = _backend()
        return mpi, mpi.world()
    finally:
        faulthandler.cancel_dump_traceback_later()


def _backend():
    """The module that starts MPI when it is imported."""
    try:
        from aspis_mpi.backends.mpi import ranks as mpi
    except (ImportError, RuntimeError) as error:
        raise JobError(libraries.missing(error)) from error
    return mpi


def _refuse_singletons(here):
    if here.is_singleton_of_many:
        raise JobError(
            f'SLURM started {here.slurm_tasks} tasks that do not know of '
            'each other (rank 0 of 1 each); use mpirun in the allocation, or '
            'srun with the --mpi type of this MPI')
    if here.size < 2:
        raise JobError('run needs a parameter server and workers, at least 2 '
                       'ranks; start it with mpirun -n 16 python -m '
                       'aspis_mpi run ..., or use simulate')


def _assemble(job, problem, here, resume):
    """The parts of a job, and how many workers it asks for itself."""
    said, n_workers = job.n_workers, here.size - 1
    if said != n_workers and not resume:
        raise JobError(ranks(job.path, said, n_workers))
    job = replace(job, scheme=job.scheme.model_copy(
        update={'workers': n_workers}))
    return Assembly(job, problem, not here.rank), said


def _agree(mpi, comm, here, trouble, start):
    """Begin on all ranks or on none; 0, or the exit code of all.

    `OVER` where there is nothing left to do.
    """
    if comm.size != here.size:
        raise JobError(
            f'the launcher started {here.size} ranks, but MPI knows '
            f'{comm.size}: mpirun and libmpi belong to different MPIs; '
            f'{libraries.advice() or "see python -m aspis_mpi doctor"}'
            ) from trouble
    code, text = OVER if start is not None and start.over else 0, ''
    if isinstance(trouble, JobError):
        code, text = BAD_JOB, f'{trouble}\n{trouble.trace[-TRACE:]}'
    elif trouble is not None:
        code = FAILED
    code, rank, text = mpi.agree(comm, code, text)
    if code == BAD_JOB and rank == comm.rank:
        raise trouble
    if code == BAD_JOB:
        text, _, trace = text.partition('\n')
        error = JobError(f'rank {rank}: {text}' if rank else text)
        error.trace = trace
        raise error
    # What fails everywhere fails alike: one rank is enough to tell it.
    if code == FAILED and rank == comm.rank and rank:
        _say(trouble, rank)
    return code


def _job(job, settings, problem, n_workers):
    if isinstance(job, config.Job):
        if settings := list(settings):
            raise JobError(
                f'{job.path}: settings = {settings}: a Job has its values '
                'already; give the path of its file, or make it with '
                'config.load(path, settings)')
        return job
    return config.load(job, settings, n_workers, problem)


def _work(assembly, comm, signals, idle):
    """Ranks 1 ... K."""
    clock = time.perf_counter
    from aspis_mpi.backends.mpi.worker import WorkerLoop
    loop = WorkerLoop(comm, assembly.wire(), Pool(assembly.d), clock,
                      signals, assembly.patience)
    if idle:
        return loop.stand_by()
    return loop.run(lambda: assembly.worker(comm.rank - 1, clock))


def _serve(assembly, mpi, comm, places, start, signals, without, remarks):
    """Rank 0: exit code, and path of the run's first log."""
    from aspis_mpi.backends.mpi.server import ServerLoop
    clock = time.perf_counter
    with _log(assembly, start, 'wall', mpi.library(), places.hosts,
              places.source, without) as run_log:
        server = assembly.server(clock, True, places.keys[1:],
                                 places.vouched)
        _enter(server, start, remarks)
        server.bar(without)
        journal = assembly.journal(server, run_log, start.first)
        loop = ServerLoop(comm, server, journal, assembly.wire(),
                          assembly.incoming(), clock, signals)

        return loop.run(lambda: _close(
            assembly, server, journal, run_log, start.first)), start.first


def _close(assembly, server, journal, run_log, path):
    """Write what is left of a run, also of a failed one.

    Raises
    ------
    Mistake
        The model is saved as plain parameters, and the log says why.
    """
    arrays, wrong = assembly.model(server.parameters.values)
    try:
        if wrong:
            server.chronicle.note(logging.ERROR, EventCode.MODEL, wrong)
        journal.close()
        run_log.close()
    finally:
        archive.save(model_path(assembly.job, path), arrays)
    if wrong:
        raise Mistake(wrong)


def _log(assembly, start, clock, mpi='', hosts=(), hosts_from='simulated',
         without=()):
    """The open log, without anything of a run that it replaces."""
    start.make_room()
    try:
        return assembly.run_log(start, clock, mpi, hosts, hosts_from, without)
    except (FileExistsError, InUse) as error:
        # Of somebody who claims nothing.
        raise JobError(str(error)) from error


def _enter(server, start, remarks=()):
    """Let a server go on where the run was stopped."""
    snapshot = start.load()
    same = snapshot is None or server.resume(snapshot)
    for remark in (*remarks, *start.remarks):
        server.chronicle.note(logging.WARNING, *remark)
    if snapshot is not None:
        server.chronicle.note(
            logging.WARNING, EventCode.RESUMED,
            f'the run goes on with step {server.first}'
            + ('' if same else ', with other workers or hosts: what was '
               'known is forgotten, but for the exposure of those that the '
               'launcher says are where they were'))


def simulate(job, problem=None, *, settings=(), out=None, overwrite=False,
             resume=False, check=False, replay=None, separate=False):
    """Run a job in this process, on a virtual clock and without MPI.

    Parameters and exceptions are those of `run`, and

    Parameters
    ----------
    replay : str or Path, optional
        A log of the same job with `log.detail = 'arrivals'`: what the
        server handled then it handles again, in the same order, and the
        parameters have the same bits, also where they depend on time.
    separate : bool
        Whether every worker has parts of its own, as under MPI, and computes
        each of its files itself: slower, with the memory of all ranks, and
        what a part keeps from call to call shows.  Without it rank 0 has a
        problem, and the workers have one that they share.

    Returns
    -------
    code : int
    path : Path
        Of the log.
    """
    recorded = None if replay is None else Recorded(replay)
    job = _job(job, settings, problem, recorded and recorded.n_workers)
    if recorded is not None:
        job = recorded.job(job)
    if recorded is not None and resume:
        raise JobError('--resume and --replay: only one of them')
    assembly = Assembly(job, problem)
    crew, remarks, without = Crew(job, problem, separate), (), ()
    if recorded is not None:
        remarks, without = recorded.changes(assembly), recorded.without
    with begin(assembly, out, overwrite, resume) as start, (
            Signals()) as signals:
        if check:
            return 0, start.first
        if start.over:
            return 0, _again(assembly, start)
        remarks = *crew.remarks, *remarks, *assembly.rehearse()
        return _drive(assembly, crew, start, recorded, signals, remarks,
                      without), start.first


def _drive(assembly, crew, start, recorded, signals, remarks, without):
    """Run in this process, as recorded if at all; the exit code."""
    job, clock = assembly.job, VirtualClock()
    if start.checkpoint is not None:
        clock.now = start.load().seconds
    with _log(assembly, start, 'virtual', without=without) as run_log:
        server = assembly.server(clock, True)
        _enter(server, start, remarks)
        journal = assembly.journal(server, run_log, start.first)
        workers = crew.workers(clock)
        try:
            if recorded is not None:
                recorded.play(assembly, server, workers, journal, clock)
            else:
                network = Network(job.network.latency, job.network.bandwidth)
                drive(server, workers, journal, clock, network, signals)
        except Mistake as mistake:
            server.fail(str(mistake))
        try:
            _close(assembly, server, journal, run_log, start.first)
        except Mistake:
            return FAILED       # the log says it
    return server.exit_code


def _again(assembly, start):
    """All is done, but perhaps a kill came before the model was saved."""
    print(f'aspis_mpi: {start.first}: all {assembly.job.run.steps} steps are '
          'done already', file=sys.stderr, flush=True)
    if start.checkpoint is not None:
        arrays, wrong = assembly.model(start.load().parameters)
        archive.save(model_path(assembly.job, start.first), arrays)
        if wrong:
            log.error(wrong)
    elif not (model := model_path(assembly.job, start.first)).exists():
        print(f'aspis_mpi: {model} is missing, and so are the checkpoints '
              'from which it could be saved again', file=sys.stderr,
              flush=True)
    return start.first
