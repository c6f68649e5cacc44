"""From a job to the parts that it names, checked against each other."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from aspis_mpi.aggregation.preaggregation import ChainMaker
from aspis_mpi.assembly import placing, posing
from aspis_mpi.assembly.absences import Absences
from aspis_mpi.assembly.filing import filing
from aspis_mpi.assembly.lengths import lengths
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.layout import most_files
from aspis_mpi.assignment.placement import by_hosts
from aspis_mpi.assignment.reassignment import most_load
from aspis_mpi.attacks.attack import Attack
from aspis_mpi.coding.scrutiny import SKETCHED
from aspis_mpi.delays.silence import Silence
from aspis_mpi.detection.allowance import Allowance
from aspis_mpi.detection.probe import ANSWER, trials
from aspis_mpi.errors import JobError
from aspis_mpi.job.contradictions import places, rules, transfers, work
from aspis_mpi.job.job import refusal
from aspis_mpi.learning.optimizer import check_state
from aspis_mpi.learning.summation import leaves, most_spare
from aspis_mpi.protocol.messages import Sizes
from aspis_mpi.protocol.wire import Wire
from aspis_mpi.runlog.schema import check_sizes
from aspis_mpi.schemes.factory import Makers, SchemeFactory, Schemes
from aspis_mpi.schemes.spot.inspection import Inspection
from aspis_mpi.schemes.wholes import Wholes

#: Share of a run's seconds that one worker may cost, unless the job says it.
PATIENCE = 0.01


class Design:
    """Every part that a job asks for, made once and checked together.

    Making it is cheap: no data is loaded and no vector allocated.

    Parameters
    ----------
    job : Job
    problem : Problem or callable, optional
        Instead of the one that the job names; or what makes it of the seed.
    leads : bool
        Whether this rank finds the order of computing; the others are told.

    Raises
    ------
    JobError
    """

    def __init__(self, job, problem=None, leads=True):
        #: The job as it was given, and with what it left open.
        self.given = self.job = job
        self._leads = leads
        self.seed = job.run.seed
        if job.n_workers is None:
            raise JobError(f'{job.path}: scheme.workers is missing, and '
                           'there are no ranks to count')
        work.check_steps(job)
        rules.check_adversaries(job)
        work.check_device(job)
        work.check_libraries(job)
        self.brought = problem
        self.problem = (posing.named(job) if problem is None
                        else posing.brought(job, problem))
        self.detector = job.create('detection', 'name', job.q)
        self.assignment = self._assignment()
        #: Workers as the design has them, whatever their hosts.
        (self.unplaced, self.batches, self.nodes,
         self.units) = filing(job, self.assignment, posing.n_samples(
             job, self.problem))
        self.assignment = self.unplaced
        #: What travels in the place of gradients.
        self.compression = job.create(
            'compression', 'name', self.problem.n_parameters, self.seed,
            job.compression.keep)
        #: Number of the host of each rank, where the job names hosts.
        self.hosts = placing.stand_ins(job)
        self.job = replace(job, problem=job.problem.model_copy(
            update={'batch_size': self.batches.batch_size}))
        if job.assignment.placement == 'hosts' and self.hosts is not None:
            self.assignment = self.unplaced.placed(by_hosts(
                self.unplaced, self.hosts[1:]))
        self._lay_out()
        self.optimizer, _ = self.new_optimizer()
        self.attack = self._attack()
        self.delay, self.silence = self._delay()

    @property
    def neighbours(self):
        """Number of the host of each worker, or else of each itself."""
        if self.job.assignment.placement == 'ranks' or self.hosts is None:
            return list(range(self.job.n_workers))
        return self.hosts[1:].tolist()

    def place(self, placement):
        """Make each worker j the worker `placement[j]` of the design."""
        self.assignment = self.unplaced.placed(placement)
        self._lay_out()
        self.attack = self._attack()

    def _lay_out(self):
        """Make what rests on who has which file."""
        job = self.job
        self.code = self._code()
        factory = self._factory()
        self.inner = factory.inner(self.assignment)
        places.check_adapt(job, self.assignment, self.inner, self.detector,
                           self._most_units)
        if self.absences.most or job.assignment.adapt:
            self.assignment = self.assignment.widened(most_load(
                self.assignment, self.absences.most, self.most_files
                if job.assignment.adapt else None))
            self.inner = factory.inner(self.assignment)
        transfers.check_compression(job, self.compression, self.inner,
                                    self.detector, self.problem)
        self.compression = self._fitted()
        factory = replace(factory, scrutiny=(
            self.compression.scrutiny or SKETCHED[job.transfer.sketch_type]))
        places.check_rename(job, self.inner, self.detector)
        transfers.check_code(job, self.inner)
        transfers.check_challenge(job, self.inner, self.code)
        rules.check_spot(job, self.assignment, self.detector)
        self.transfer = factory.challenged(self.inner, self.assignment)
        transfers.check_replicas(job, self.assignment, self.transfer,
                                 self.detector)
        self.scheme = factory.scheme(self.assignment, job.q, self.transfer)
        self.schemes = Schemes(factory, self.scheme, self.inner,
                               self.absences.most, self.batches.work)
        rules.check_scheme(job, self.scheme, self.code)
        rules.check_aggregation(job, self.scheme.aggregator)
        rules.check_evidence(job, self.scheme, self.problem)
        rules.check_memory(job, self.scheme)

    def _assignment(self):
        job = self.job
        assignment = job.create('assignment', 'name', job.n_workers)
        places.check_order(job, assignment)
        places.check_placement(job)
        order = job.create('assignment', 'order')
        try:
            check_sizes(assignment.n_files, assignment.n_workers)
            assignment.check_copies(job.collection.copies)
            if job.assignment.rename:
                assignment = assignment.renaming(self.seed)
            if self._leads:
                return assignment.reordered(
                    order.arrange(assignment, job.collection.copies))
            return assignment
        except ValueError as error:
            raise refusal(job.path, 'assignment', error) from error

    def _code(self):
        if self.job.part('transfer', 'code') is None:
            return None
        return self.job.create('transfer', 'code', self.assignment,
                               self.job.collection.copies)

    def _fitted(self):
        """The compression, for what travels."""
        try:
            return self.compression.fitted(self.inner, self.assignment.width)
        except ValueError as error:
            raise refusal(self.job.path, 'compression', error) from error

    @cached_property
    def inspection(self):
        """The inspection of sums that are looked at by chance, or None."""
        if not self.detector.spot_checks:
            return None
        return Inspection(self.detector, self.batches.counts,
                          self.job.n_workers, self.most_files,
                          self.problem.n_parameters, self.batches.work)

    def _aggregator(self):
        """The maker of the aggregation, with what comes before it."""
        before = self.job.series('aggregation', 'before')
        return ChainMaker(tuple(part.create for part in before),
                          self.job.part('aggregation').create)

    def _factory(self):
        """The maker of schemes, which knows only what the server may."""
        job = self.job
        make = Makers(collection=job.part('collection').create,
                      transfer=job.part('transfer').create,
                      detector=job.part('detection').create,
                      aggregator=self._aggregator())
        return SchemeFactory(job.q, self.seed, job.assignment,
                             job.collection, job.transfer, job.detection,
                             make, self.code, self.inspection,
                             None if self.nodes is None
                             else self.wholes.n_files)

    def new_optimizer(self):
        """Another optimizer as the job wants it, and its schedule."""
        job = self.job
        schedule = job.create('optimizer', 'schedule', job.run.steps)
        optimizer = job.create('optimizer', 'name',
                               self.problem.n_parameters, schedule)
        try:
            check_state(optimizer)
        except ValueError as error:
            raise JobError(f'{job.path}: optimizer: {error}') from error
        return optimizer, schedule

    def _attack(self):
        job = self.job
        who = job.create('adversary', 'who', job.n_workers,
                         job.adversary.count, self.seed)
        files = job.create('adversary', 'files', self._targets, self.seed)
        value = job.create('adversary', 'value', self.seed)
        protocol = job.create('adversary', 'protocol', self.seed)
        work.check_labels(job, value, self.problem)
        try:
            attack = Attack(who, files, protocol, value)
        except ValueError as error:
            raise refusal(job.path, 'adversary', error) from error
        transfers.check_effect(job, self.scheme, protocol)
        return attack

    def _delay(self):
        job, section = self.job, self.job.delay
        delay = job.create('delay', 'name', job.n_workers,
                           self.assignment.load, self.seed)
        try:
            delay.meet(None if self.hosts is None else self.hosts[1:])
            return delay, Silence(job.n_workers, self.seed, section.silent,
                                  section.silent_from, section.silent_after)
        except ValueError as error:
            raise JobError(f'{job.path}: delay: {error}') from error

    @property
    def _targets(self):
        """The assignment as liars know it: of files that may be anybody's.

        Who has which file then is told by the server, to each its own.
        """
        if not self.job.assignment.adapt:
            return self.assignment
        shape = self.assignment.incidence.shape
        return Assignment(np.ones(shape, dtype=bool))

    @property
    def most_files(self):
        """Files that a worker may have while nobody is without work."""
        if not self.job.assignment.adapt:
            return self.assignment.load
        return self.assignment.most_in(self._most_units)

    @property
    def worst_case(self):
        """Wrong files that q workers get used in a step, at most.

        Where files follow speeds, of all that so many may have.
        """
        found, adapts = self.scheme.worst_case, self.job.assignment.adapt
        if not (found and adapts):
            return found
        units = min(self.job.q * self._most_units,
                    self.assignment.by_units.n_files)
        return max(found, self.assignment.most_in(units))

    @property
    def _most_units(self):
        """Of what always goes to the same worker, where speeds say where."""
        units = self.assignment.by_units
        return most_files(units.n_files, units.least_copies,
                          self.absences.left)

    @property
    def absences(self):
        """Workers that may be without work at once."""
        return Absences(
            self.job, self.job.assignment.adapt or self.inner.reassignable,
            self.memory != 'step')

    @property
    def allowance(self):
        """The distance by which machines may differ."""
        job, section = self.job, self.job.detection
        bits = section.equality == 'bits'
        return Allowance(job.path, job.q, bits, section.tolerance,
                         section.disagreement, not bits and bool(
                             getattr(self.problem, 'random_layers', False)))

    @property
    def memory(self):
        """The time that exposures count: 'step', 'window' or 'forever'."""
        return self.job.detection.memory or self.detector.default_memory

    @property
    def most_cost(self):
        """The share of a run's seconds that one worker may cost."""
        patience = self.job.faults.patience
        return PATIENCE if patience is None else patience

    @property
    def presses(self):
        """True if late workers are not waited for.

        Published schemes that want everything wait for everybody, unless the
        job says how much patience they have.
        """
        asked = self.job.faults.patience
        if asked is None:
            return not self.scheme.collection.waits_for_all
        return asked > 0

    @property
    def linger(self):
        """Seconds that a worker which cannot go on waits for its end."""
        faults = self.job.faults
        return np.inf if faults.tolerate else faults.silence

    @property
    def d(self):
        """Number of parameters."""
        return self.problem.n_parameters

    @property
    def micro_batch(self):
        """Samples of which a gradient is computed at once, at most."""
        return min(self.job.problem.micro_batch,
                   int(self.batches.counts.max()))

    @property
    def tree_vectors(self):
        """Vectors that a sum along a tree takes besides its own."""
        section = self.job.problem
        if section.summation != 'tree':
            return 0
        return most_spare(leaves(int(self.batches.counts.max()),
                                 section.micro_batch))

    @property
    def wholes(self):
        """Maker of whole files, where they were split; else None."""
        return None if self.nodes is None else Wholes(self.nodes)

    @property
    def silent_survived(self):
        """Largest s such that any s silent workers cost no file."""
        if self.code is not None and self.scheme.collection.asks_whole_workers:
            return self.code.stragglers
        if self.transfer.looks_by_chance:
            # Others compute their files in the same step, where enough are
            # left that have to agree.
            most = self.job.n_workers - 1 - (
                self.job.q if self.transfer.recomputes else 0)
            return min(self.absences.most, most)
        if self.transfer.corrects:
            return self.transfer.corrects
        holders = self.assignment.incidence.sum(axis=1)
        needed = np.full(holders.shape, self.job.collection.copies)
        if self.scheme.needed is not None:
            needed = np.maximum(needed, self.scheme.needed)
        return int((holders - needed).min())

    @property
    def trials(self):
        """Step and number of the files of the start-up probe.

        None where nothing is compared.
        """
        if not self.compares or not self.problem.on_server:
            return []
        return trials(self.batches.kinds(self.job.problem.micro_batch))

    @property
    def compares(self):
        """True if what several workers computed is compared."""
        return self.transfer.comparable and (
            self.detector.compares_replicas or self.detector.spot_checks)

    @property
    def lengths(self):
        """Lengths of what workers send."""
        return lengths(self.job.transfer.challenge, self.transfer,
                       self.compression, self.assignment.width)

    def wire(self):
        """Messages to bytes, for the sizes of this job."""
        sent = self.lengths
        return Wire(Sizes(
            n_workers=self.job.n_workers, n_files=self.assignment.n_files,
            n_parameters=self.d, load=self.assignment.width,
            payload=sent.payload, whole=sent.whole, narrow=sent.narrow,
            grid=self.compression.grid_bytes,
            signal=self.transfer.signal_bytes, sketches=sent.sketches,
            answer=len(self.trials) * ANSWER.itemsize))
