"""From the parts of a job to the objects of a run."""

from dataclasses import replace
from functools import cached_property, partial

from aspis_mpi import streams
from aspis_mpi.assembly.design import Design
from aspis_mpi.assembly.display import Display, survived
from aspis_mpi.assembly.keeper import Keeper
from aspis_mpi.assembly.rehearsing import refused
from aspis_mpi.assignment import graphs
from aspis_mpi.compression.scale import Scale
from aspis_mpi.delays.timing import Timing
from aspis_mpi.detection.memory import Memory
from aspis_mpi.detection.probe import ANSWER, trials
from aspis_mpi.detection.spot import ripe
from aspis_mpi.errors import JobError, Mistake
from aspis_mpi.job import inputs
from aspis_mpi.learning.guard.problem import Guard
from aspis_mpi.learning.guard.rehearsal import try_gradient
from aspis_mpi.learning.statements import fingerprints_of
from aspis_mpi.protocol.buffers import AHEAD, Pool, Pools, SharedPool
from aspis_mpi.protocol.server.accounts import Accounts
from aspis_mpi.protocol.server.auditor import Auditor
from aspis_mpi.protocol.server.course import Course
from aspis_mpi.protocol.server.machine import ParameterServer
from aspis_mpi.protocol.server.membership import Membership
from aspis_mpi.protocol.server.probing import Probing
from aspis_mpi.protocol.task import Recipe
from aspis_mpi.protocol.worker.liar import Liar
from aspis_mpi.protocol.worker.machine import Worker
from aspis_mpi.protocol.worker.unasked import UnaskedWorker
from aspis_mpi.runlog.checkpoints import Checkpoints, Ripening
from aspis_mpi.runlog.writer import RunLog
from aspis_mpi.schemes.adapting import Adapting

#: Relative distance of two computations of one gradient that no hardware
#: makes, where replicas are compared with a tolerance.
FAR = 1e-2

#: Vectors of a worker: one may still be on its way when the next is due.
UNDER_WAY = 2


class Assembly(Design):
    """A design that can be put to work: server, workers, log."""

    @cached_property
    def inputs(self):
        """Files that the job names, and what its problem tells of others."""
        found = inputs.inputs(self.job, self.brought)
        try:
            told = fingerprints_of(self.problem)
        except ValueError as error:
            raise JobError(f'{self.job.path}: problem: {error}') from None
        return found | {name: inputs.Input('problem', text)
                        for name, text in told.items() if name not in found}

    _guarded = None

    @property
    def guard(self):
        """The guard around the problem, where it is all ranks' or rank 0's."""
        if self._guarded is None or self._guarded.problem is not self.problem:
            self._guarded = Guard(self.problem, True, self._rehearsal)
        return self._guarded

    @property
    def _rehearsal(self):
        """The trial before a first gradient; None where rank 0 has done it."""
        return None if self.problem.on_server else partial(
            try_gradient, alike=self.alike)

    @property
    def alike(self):
        """The distance that two computations of one gradient may have."""
        if not self.compares:
            return None
        return 0.0 if self.job.detection.equality == 'bits' else FAR

    @cached_property
    def ripening(self):
        """The checkpoints to which exposures may take the run back.

        None where they do not.
        """
        job, rule = self.job, self.detector
        if not (rule.spot_checks and rule.rollback and job.q):
            return None
        turns = self.inspection.horizon
        return Ripening(turns, ripe.spacing(turns, job.run.checkpoint_every))

    def checkpoints(self, path):
        """The checkpoints of a run; `path` is that of its first log."""
        return Checkpoints(path, self.job.run.keep, self.ripening)

    @property
    def _checkpoint_every(self):
        every = self.job.run.checkpoint_every
        if self.ripening is None:
            return every
        return ripe.interval(self.ripening.ripe, every)

    def server(self, clock, probes=False, keys=None, vouched=False,
               past=None):
        """The parameter server; it is told nothing about the attack.

        Parameters
        ----------
        clock : callable
        probes : bool
            Whether the workers are on machines that may differ.
        keys : list of str, optional
            Host and device of each worker.
        vouched : bool
            Whether the launcher says them, rather than the workers.
        past : Checkpoints, optional
            To which exposures take the run back, where the job wants that;
            without them it does not go back.
        """
        # Before the first step, which is timed.
        graphs.load()
        job = self.job
        if self.inspection is not None:
            self.inspection.cut(self.guard.tensors.cuts)
        course = Course(
            job.run.steps, job.faults.silence, job.faults.approximate,
            job.faults.tolerate, job.q, job.runtime.threads,
            job.log.detail == 'arrivals', self._checkpoint_every,
            job.faults.grace, self.presses)
        examiner = self.auditor()
        return ParameterServer(
            self.membership(keys, vouched), self.optimizer,
            self.batches.counts, Pool(self.d), self.initial(), course, clock,
            auditor=self._audits(),
            probing=self._probing() if probes and self.trials else None,
            examiner=examiner,
            past=None if self.ripening is None else past,
            wholes=self.wholes,
            scale=Scale(self.compression, partial(
                examiner.gradients, trials(self.batches.counts))))

    def initial(self):
        """The parameters before the first step, float32 (d,)."""
        try:
            return self.guard.initial(
                streams.generator(self.seed, 'initial'))
        except Mistake as mistake:
            raise refused(self.job, 'problem', mistake) from mistake

    def membership(self, keys=None, vouched=False):
        """The membership of all workers, nobody exposed yet."""
        job, section = self.job, self.job.detection
        memory = Memory(job.n_workers, job.q, memory=self.memory,
                        window=section.window, budget=section.budget,
                        most=self.absences.excluded, keys=keys,
                        vouched=vouched)
        faults = job.faults
        accounts = Accounts(
            job.n_workers, self.most_cost, faults.silence,
            max(job.q + faults.tolerate, self.silent_survived))
        return Membership(self.scheme, memory, self.schemes.without,
                          accounts, self.inspection,
                          adapting=self.adapting, costs=self.batches.costs)

    @cached_property
    def adapting(self):
        """The layouts by speeds, or None."""
        every = self.job.assignment.adapt
        return Adapting(every, self.assignment, self.neighbours,
                        self.absences.left,
                        self.batches.costs) if every else None

    def auditor(self):
        """An auditor, who computes files as a worker does."""
        return Auditor(self._recipe(self.guard), self.problem.on_server)

    def _recipe(self, guard):
        """The recipe of a rank whose problem is behind a guard."""
        section = self.job.problem
        return Recipe(guard, self.batches, section.micro_batch,
                      section.summation == 'tree', self._spare,
                      self.compression.at)

    @cached_property
    def _spare(self):
        """Vectors for sums along trees, of all who compute in a process."""
        return []

    def _audits(self):
        """The server's auditor, None where nothing is to be audited."""
        section = self.job.detection
        can = self.transfer.comparable and self.problem.on_server
        if not can or section.audits == 'none' and not section.random_audits:
            return None
        return self.auditor()

    def _probing(self):
        """The maker of the start-up probe, called when the server begins."""
        return partial(Probing, self.trials, self.auditor(), self.allowance,
                       self.job.q)

    def settle(self, probe):
        """Choose when replicas count as equal, before there is a server.

        Parameters
        ----------
        probe : Probe
            By how much the machines differ.

        Raises
        ------
        JobError
            They differ by more than the job allows.
        """
        try:
            equality = self.allowance.settle(probe)
        except ValueError as error:
            raise JobError(str(error)) from error
        self.scheme = replace(self.scheme, equality=equality)

    def worker(self, number, clock, pools=None):
        """Worker `number`, by default with buffers of its own."""
        # Simulated workers share what they compute, and the parameters.
        guard = self.guard if pools else Guard(self.problem,
                                               rehearsal=self._rehearsal)
        pools, recipe = pools or self.pools(), self._recipe(guard)
        liar = None
        if self.job.adversary.count:
            liar = Liar(number, self.attack, recipe, pools.scratch)
        make = UnaskedWorker if self.transfer.sends_unasked else Worker
        return make(number, self.assignment.files(number),
                    self.assignment.width, recipe, self.transfer, pools,
                    Timing(self.delay, self.silence), clock=clock,
                    liar=liar, trials=self.trials)

    def pools(self, shared=False, bounded=True):
        """A worker's buffers; `shared` for all workers of a process.

        Those of a simulated worker are not `bounded`: what it sends is not
        copied, so the server has its buffers until a step is over.
        """
        payloads, sketches = self._longest
        files, same = (self.compression.file_numbers,
                       self.compression.verbatim)
        if shared:
            whole = SharedPool(self.d)
            return Pools(whole if same else SharedPool(files),
                         Pool(payloads), whole, Pool(sketches),
                         None if same else whole)
        ahead = AHEAD if bounded and self.transfer.sends_at_once else None
        under_way = UNDER_WAY if bounded else None
        scratch = Pool(self.d)
        return Pools(Pool(files, ahead), Pool(payloads, under_way), scratch,
                     Pool(sketches, under_way), None if same else scratch)

    def incoming(self):
        """The server's buffers for what the workers send."""
        return Pool(max(*self._longest,
                        len(self.trials) * ANSWER.itemsize // 4))

    @property
    def _longest(self):
        """Numbers of 4 bytes in the longest vector, and in an answer."""
        return self.lengths.vector, 2 * self.lengths.sketches

    def keeper(self, server, run_log, checkpoints):
        """The keeper of a run."""
        job = self.job
        display = Display(job.run.steps, int(self.batches.counts.sum()),
                          server.first)
        display.say(survived(self.silent_survived))
        return Keeper(server, run_log, self.attack, self.guard,
                      every=job.run.evaluate_every, steps=job.run.steps,
                      display=display,
                      checkpoints=checkpoints)

    def run_log(self, start, clock, mpi='', hosts=(), hosts_from='simulated',
                devices=(), without=()):
        """The open run log of a `Start`, some workers without work."""
        job = self.job
        return RunLog(start.path, self.assignment, job=job.to_toml(),
                      seed=self.seed, parameters=self.d, mpi=mpi,
                      hosts=list(hosts), hosts_from=hosts_from,
                      devices=list(devices), clock=clock,
                      flush_seconds=job.log.flush_seconds,
                      overwrite=start.overwrite, stretch=start.stretch,
                      checkpoints=str(Checkpoints(start.first).folder
                                      .absolute()),
                      claimed=start.claims.take(start.path),
                      inputs=inputs.to_toml(self.inputs),
                      without=list(without), samples=self.batches.counts,
                      wholes=None if self.nodes is None else [
                          node.file for node in self.nodes])

    @property
    def saves(self):
        """Suffixes of files that the problem writes beside the model."""
        return tuple(getattr(self.problem, 'saves', ()))

    def model(self, parameters):
        """The arrays of the trained model, and what is wrong with them.

        Where they cannot be had it is the parameters alone, and a sentence
        says why.
        """
        try:
            return self.guard.export(parameters), ''
        except Mistake as mistake:
            return {'parameters': parameters}, (
                'the model is saved as its plain parameters alone, one '
                f'array: {mistake}')
