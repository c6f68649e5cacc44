"""The composition root: from a job to a server, its workers and a log."""

import logging
import sys
import time
import traceback
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from aspis_mpi import config, streams
from aspis_mpi.assignment.orders.natural import Natural
from aspis_mpi.attacks.plan import AttackPlan
from aspis_mpi.backends.journal import Journal
from aspis_mpi.backends.launcher import launch
from aspis_mpi.backends.simulated import (
    Network, VirtualClock, simulate as drive)
from aspis_mpi.config import JobError
from aspis_mpi.delays.silence import Silence
from aspis_mpi.learning.batches import Batches, default_batch_size
from aspis_mpi.outputs import model_path, output
from aspis_mpi.protocol.buffers import Pool, SharedPool
from aspis_mpi.protocol.liar import Liar
from aspis_mpi.protocol.messages import Wire
from aspis_mpi.protocol.server import BAD_JOB, FAILED, ParameterServer
from aspis_mpi.protocol.worker import Worker
from aspis_mpi.registry import find
from aspis_mpi.report import Report
from aspis_mpi.runlog.schema import check_sizes
from aspis_mpi.runlog.writer import RunLog
from aspis_mpi.schemes.scheme import Scheme

log = logging.getLogger(__name__)

#: Gradients that a worker computes ahead of what has left it.
AHEAD = 2
#: Vectors of a worker: one may still be on its way when the next is due.
UNDER_WAY = 2


class Pools(NamedTuple):
    """Where a worker finds buffers.

    `scratch` is where an adversary computes the truth.
    """

    gradients: Any
    payloads: Any
    scratch: Any


class Assembly:
    """Everything that a job asks for, made once and checked together.

    Making it is cheap: no data is loaded and no vector allocated.

    Parameters
    ----------
    job : Job
    problem : Problem, optional
        Instead of the one that the job names.
    leads : bool
        Whether this rank finds the order of computing; the others are told.

    Raises
    ------
    JobError
    """

    def __init__(self, job, problem=None, leads=True):
        self.job = job
        self._leads = leads
        self.seed = job.run.seed
        if job.n_workers is None:
            raise JobError(f'{job.path}: scheme.workers is missing, and '
                           'there are no ranks to count')
        self._check_adversaries()
        self.problem = problem or self._problem()
        self.assignment = self._assignment()
        self.batches = self._batches()
        self.job = job = replace(job, problem=job.problem.model_copy(
            update={'batch_size': self.batches.batch_size}))
        self.detector = job.create('detection', 'name', job.q)
        self.code, self.transfer = self._transfer()
        self._check_votes()
        self.worst_case = (self.detector.worst_case(self.assignment)
                           if self.transfer.compares
                           else self.assignment.touched(job.q))
        self.scheme = self._scheme()
        self.optimizer = self._optimizer()
        self.plan, self.value = self._attack()
        self.delay, self.silence = self._delay()

    def _check_adversaries(self):
        job, k = self.job, self.job.n_workers
        if 2 * job.q >= k:
            raise JobError(
                f'{job.path}: scheme.adversaries = {job.q}: must be less '
                f'than half of the {k} workers, at most {(k - 1) // 2}')
        if job.adversary.count > k:
            raise JobError(f'{job.path}: adversary.count = '
                           f'{job.adversary.count}: must be at most the '
                           f'number of workers, {k}')

    def _assignment(self):
        job = self.job
        assignment = job.create('assignment', 'name', job.n_workers)
        order = job.create('assignment', 'order')
        try:
            check_sizes(assignment.n_files, assignment.n_workers)
            assignment.check_copies(job.collection.copies)
            if not self._leads:
                return assignment
            return assignment.reordered(
                order.arrange(assignment, job.collection.copies))
        except ValueError as error:
            raise JobError(f'{job.path}: assignment: {error}') from error

    def _problem(self):
        job, model = self.job, self.job.part('problem', 'model')
        if model is None:
            return job.create('problem', 'name', self.seed)
        inputs = job.part('problem').cls.model_inputs
        return job.create('problem', 'name', self.seed,
                          job.create('problem', 'model', *inputs))

    def _batches(self):
        job, f = self.job, self.assignment.n_files
        try:
            n_samples = self.problem.n_samples
            size = (job.problem.batch_size
                    or default_batch_size(f, n_samples))
            return Batches(self.seed, n_samples, size, f)
        except ValueError as error:
            raise JobError(f'{job.path}: problem: {error}') from error

    def _transfer(self):
        job, copies = self.job, self.job.collection.copies
        code = None
        if job.part('transfer', 'code') is not None:
            code = job.create('transfer', 'code', self.assignment, copies)
        return code, job.create('transfer', 'name', self.assignment, copies,
                                job.collection.thinning, code)

    def _check_votes(self):
        job, r = self.job, self.assignment.replication
        if not self.transfer.compares:
            if self.detector.compares:
                raise JobError(
                    f"{job.path}: detection.name = '{job.detection.name}': "
                    f"transfer '{job.transfer.name}' brings no replicas to "
                    "compare; use 'none'")
            return
        if r == 1 and self.detector.compares:
            raise JobError(
                f"{job.path}: detection.name = '{job.detection.name}': "
                f"assignment '{job.assignment.name}' has one replica of each "
                "file, so there is nothing to compare; use 'none'")
        if r > 1 and not r % 2:
            raise JobError(
                f'{job.path}: assignment.replication = {r}: must be odd '
                'where a majority of replicas decides')

    def _scheme(self):
        job = self.job
        context = self.assignment.n_files, job.q, self.worst_case
        scheme = Scheme(
            assignment=self.assignment,
            collection=job.create('collection', 'name', self.assignment,
                                  job.collection.copies, self.code),
            transfer=self.transfer, detector=self.detector,
            aggregator=job.create('aggregation', 'name', *context),
            mean=find('aggregation', 'mean')(*context),
            copies=job.collection.copies,
            ordered=job.assignment.order != Natural.name,
            reorder=job.assignment.reorder,
            skip_covered=job.collection.skip_covered)
        self._check_parts(scheme)
        return scheme

    def _check_parts(self, scheme):
        job, collection = self.job, scheme.collection
        pushes = scheme.transfer.pushes
        if not (pushes or scheme.aggregator.plain):
            raise JobError(
                f"{job.path}: aggregation.name = '{job.aggregation.name}': "
                f"transfer '{job.transfer.name}' brings sums of many files, "
                "which allow the 'mean' alone")
        if self.code is not None and self.code.full_only and (
                not collection.whole):
            raise JobError(
                f"{job.path}: transfer.code = '{job.transfer.code}': needs "
                'workers that finished all their files; use '
                "collection.name = 'full-workers'")
        if scheme.skip_covered and (pushes or not collection.may_skip):
            raise JobError(
                f'{job.path}: collection.skip_covered = true: needs a '
                "collection that waits for copies, such as 'coverage', and "
                "a transfer that sends on request, such as 'coded'")

    def _optimizer(self):
        schedule = self.job.create('optimizer', 'schedule',
                                   self.job.run.steps)
        return self.job.create('optimizer', 'name',
                               self.problem.n_parameters, schedule)

    def _attack(self):
        job = self.job
        who = job.create('adversary', 'who', job.n_workers,
                         job.adversary.count, self.seed)
        files = job.create('adversary', 'files', self.assignment, self.seed)
        return (AttackPlan(who, files),
                job.create('adversary', 'value', self.seed))

    def _delay(self):
        job, section = self.job, self.job.delay
        delay = job.create('delay', 'name', job.n_workers,
                           self.assignment.load, self.seed)
        try:
            return delay, Silence(job.n_workers, self.seed, section.silent,
                                  section.silent_from, section.silent_after)
        except ValueError as error:
            raise JobError(f'{job.path}: delay: {error}') from error

    @property
    def d(self):
        """Number of parameters."""
        return self.problem.n_parameters

    def wire(self):
        """Messages to bytes, for the sizes of this job."""
        return Wire(self.job.n_workers, self.assignment.n_files, self.d,
                    self.assignment.load, self.transfer.payload_size(self.d))

    def server(self, clock):
        """The parameter server; it is told nothing about the attack."""
        job = self.job
        initial = self.problem.initial(streams.generator(self.seed,
                                                         'initial'))
        return ParameterServer(
            self.scheme, self.optimizer, self.batches.counts, Pool(self.d),
            initial, job.run.steps, job.faults.silence,
            job.faults.approximate, job.runtime.threads, clock,
            job.log.detail == 'arrivals')

    def pools(self, shared=False):
        """A worker's buffers; `shared` for all workers of a process."""
        payloads = self.transfer.payload_size(self.d)
        if shared:
            gradients = SharedPool(self.d)
            return Pools(gradients, Pool(payloads), gradients)
        return Pools(Pool(self.d, AHEAD if self.transfer.pushes else None),
                     Pool(payloads, UNDER_WAY), Pool(self.d))

    def worker(self, number, clock, pools=None):
        """Worker `number`, by default with buffers of its own."""
        pools, job = pools or self.pools(), self.job
        liar = None
        if job.adversary.count:
            liar = Liar(number, self.plan, self.value, self.batches,
                        self.problem, pools.scratch, job.problem.micro_batch)
        return Worker(number, self.assignment.files(number), self.batches,
                      self.problem, self.transfer, pools.gradients,
                      pools.payloads, self.delay, self.silence, clock, liar,
                      job.problem.micro_batch)

    def incoming(self):
        """The server's buffers for what the workers send."""
        return Pool(self.transfer.payload_size(self.d))

    def journal(self, server, run_log, clock):
        """What rank 0 does between steps."""
        job = self.job
        report = Report(job.run.steps, int(self.batches.counts.sum()))
        return Journal(server, run_log, self.plan, self.problem,
                       job.run.evaluate_every, job.run.steps, report, clock)

    def run_log(self, path, clock, overwrite, mpi='', hosts=()):
        """The open run log."""
        job = self.job
        return RunLog(path, self.assignment, job=job.to_toml(),
                      seed=self.seed, mpi=mpi, hosts=list(hosts),
                      clock=clock, flush_seconds=job.log.flush_seconds,
                      overwrite=overwrite)

    def save_model(self, path, parameters):
        """Save the trained model as named arrays."""
        np.savez(path, **self.problem.export(parameters))


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
        server = assembly.server(clock)
        journal = assembly.journal(server, run_log, clock)
        loop = mpi.ServerLoop(comm, server, journal, assembly.wire(),
                              assembly.incoming(), clock)

        def save():
            journal.close()
            run_log.close()
            _save(assembly, server, path)
        return loop.run(save)


def simulate(job, problem=None, *, settings=(), out=None, overwrite=False,
             check=False):
    """Run a job in this process, on a virtual clock and without MPI.

    Parameters and exceptions are those of `run`.

    Returns
    -------
    code : int
    path : Path
        Of the log.
    """
    job = _job(job, settings, problem, None)
    assembly = Assembly(job, problem)
    path = output(job, out, overwrite)
    if check:
        return 0, path
    clock = VirtualClock()
    with assembly.run_log(path, 'virtual', overwrite) as run_log:
        server = assembly.server(clock)
        journal = assembly.journal(server, run_log, clock)
        pools = assembly.pools(shared=True)
        workers = [assembly.worker(number, clock, pools)
                   for number in range(job.n_workers)]
        network = Network(job.network.latency, job.network.bandwidth)
        code = drive(server, workers, journal, clock, network)
        journal.close()
    _save(assembly, server, path)
    return code, path


def _save(assembly, server, path):
    """The parameters as they are at the end, also of a failed run."""
    assembly.save_model(model_path(assembly.job, path),
                        server.parameters.values)
