"""The composition root: runs a job under MPI, simulated, or once more."""

import logging
import sys
import time
import traceback

from aspis_mpi import config
from aspis_mpi.assembly import Assembly
from aspis_mpi.backends.launcher import launch
from aspis_mpi.backends.simulated import (
    Network, VirtualClock, simulate as drive)
from aspis_mpi.config import JobError
from aspis_mpi.detection.probe import alike
from aspis_mpi.outputs import model_path, output
from aspis_mpi.protocol.buffers import Pool
from aspis_mpi.protocol.server import BAD_JOB, FAILED
from aspis_mpi.recorded import Recorded

log = logging.getLogger(__name__)


def run(job, problem=None, *, settings=(), out=None, overwrite=False,
        check=False):
    """Run a job under MPI; called by every rank.

    Parameters
    ----------
    job : str, Path or Job
        A job, or the path of its file.
    problem : Problem, optional
        Instead of the one that the job names.
    settings : iterable of str
        `section.key=value`, as on the command line.
    out : str or Path, optional
        The run log; default `run.out` of the job, or runs/NAME-TIME.h5.
    overwrite : bool
        Whether an existing log is replaced.
    check : bool
        Only check the job.

    Returns
    -------
    code : int
        0 done, 3 the run failed.
    path : Path or None
        Of the log, on rank 0.

    Raises
    ------
    JobError
        On every rank, also when only one finds something wrong, before any
        computes; rank 0 alone looks at the output.
    """
    here = launch()
    _refuse_singletons(here)

    def prepare():
        assembly = _assemble(_job(job, settings, problem, here.size - 1),
                             problem, here.size - 1, not here.rank)
        return assembly, (None if here.rank else
                          output(assembly.job, out, overwrite))
    if check:
        return 0, prepare()[1]
    assembly = path = trouble = None
    try:
        assembly, path = prepare()
    except BaseException as error:
        trouble = error
        _say(trouble, here)
    from aspis_mpi.backends import mpi
    comm = mpi.world()
    code = _agree(mpi, comm, here, trouble)
    if code:
        return code, None
    with mpi.guard(comm):
        hosts = mpi.hosts(comm)
        if comm.rank:
            return _work(assembly, mpi, comm), None
        return _serve(assembly, mpi, comm, hosts, path, overwrite), path


def _say(trouble, here):
    """Say what is wrong with the job before MPI starts, which may fail."""
    if isinstance(trouble, JobError) and not here.rank:
        print(f'aspis_mpi: {trouble}', file=sys.stderr, flush=True)
        trouble.said = True


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


def _assemble(job, problem, n_workers, leads):
    if job.n_workers != n_workers:
        raise JobError(
            f'{job.path}: scheme.workers = {job.n_workers}: must be the '
            f'number of ranks - 1, which is {n_workers}; start it with '
            f'mpirun -n {job.n_workers + 1}')
    return Assembly(job, problem, leads)


def _agree(mpi, comm, here, trouble):
    """Begin on all ranks or on none; 0, or the exit code of all."""
    if comm.size != here.size:
        raise JobError(
            f'the launcher started {here.size} ranks, but MPI knows '
            f'{comm.size}: mpirun and libmpi belong to different MPIs; see '
            'python -m aspis_mpi doctor') from trouble
    code, text = 0, ''
    if isinstance(trouble, JobError):
        code, text = BAD_JOB, str(trouble)
    elif trouble is not None:
        code = FAILED
        log.error('rank %d failed:\n%s', comm.rank, ''.join(
            traceback.format_exception(trouble)))
    code, rank, text = mpi.agree(comm, code, text)
    if code == BAD_JOB and rank == comm.rank:
        raise trouble
    if code == BAD_JOB:
        raise JobError(f'rank {rank}: {text}' if rank else text)
    return code


def _job(job, settings, problem, n_workers):
    if isinstance(job, config.Job):
        return job
    return config.load(job, settings, n_workers, problem)


def _work(assembly, mpi, comm):
    """Ranks 1 ... K."""
    clock = time.perf_counter
    loop = mpi.WorkerLoop(comm, assembly.wire(), Pool(assembly.d), clock)
    return loop.run(lambda: assembly.worker(comm.rank - 1, clock))


def _serve(assembly, mpi, comm, hosts, path, overwrite):
    """Rank 0."""
    clock = time.perf_counter
    with assembly.run_log(path, 'wall', overwrite, mpi.library(),
                          hosts) as run_log:
        server = assembly.server(clock, probes=True)
        journal = assembly.journal(server, run_log, clock)
        loop = mpi.ServerLoop(comm, server, journal, assembly.wire(),
                              assembly.incoming(), clock)

        def save():
            journal.close()
            run_log.close()
            _save(assembly, server, path)
        return loop.run(save)


def simulate(job, problem=None, *, settings=(), out=None, overwrite=False,
             check=False, replay=None):
    """Run a job in this process, on a virtual clock and without MPI.

    Parameters and exceptions are those of `run`, and

    Parameters
    ----------
    replay : str or Path, optional
        A log of the same job with `log.detail = 'arrivals'`: what the
        server handled then it handles again, in the same order, and the
        parameters have the same bits, also where they depend on time.

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
    assembly = Assembly(job, problem)
    path = output(job, out, overwrite)
    if check:
        return 0, path
    assembly.settle(alike(job.n_workers))
    clock = VirtualClock()
    with assembly.run_log(path, 'virtual', overwrite) as run_log:
        server = assembly.server(clock)
        journal = assembly.journal(server, run_log, clock)
        pools = assembly.pools(shared=True)
        workers = [assembly.worker(number, clock, pools)
                   for number in range(job.n_workers)]
        if recorded is not None:
            code = recorded.play(assembly, server, workers, journal, clock)
        else:
            network = Network(job.network.latency, job.network.bandwidth)
            code = drive(server, workers, journal, clock, network)
        journal.close()
    _save(assembly, server, path)
    return code, path


def _save(assembly, server, path):
    """The parameters as they are at the end, also of a failed run."""
    assembly.save_model(model_path(assembly.job, path),
                        server.parameters.values)
