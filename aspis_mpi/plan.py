"""The cost of a job: sizes, bytes and memory, before it is submitted."""

from dataclasses import dataclass
from typing import NamedTuple

from aspis_mpi.aggregation.blocks import SCRATCH
from aspis_mpi.assembly.design import Design
from aspis_mpi.assembly.display import survived
from aspis_mpi.assignment import ordering
from aspis_mpi.detection.spot.forecast import (
    Forecast, Spot, described, expected)
from aspis_mpi.job import loading
from aspis_mpi.learning.optimizer import state_bytes
from aspis_mpi.protocol.buffers import AHEAD
from aspis_mpi.protocol.messages import (
    Challenge, CodedGradient, Commit, Compute, Encode, Model, Parameters,
    Progress, Replica, Sketch, Sum)
from aspis_mpi.words import counted, size


@dataclass(frozen=True)
class Plan:
    """The forecast of a job; bytes are a step's, memory is a rank's.

    Memory is what a rank needs above the size of its process before the
    first step.
    """

    job: str
    scheme: str
    workers: int                # K
    assumed_adversaries: int    # q
    files: int                  # f
    replication: int            # r
    load: int                   # l
    parameters: int             # d
    batch_size: int
    copies: int                 # of a file that the collection waits for
    gradients_per_step: int     # files computed at most, replicas included
    vectors_up: int             # gradients or combinations sent in a step
    bytes_up: int               # workers to server, at most
    bytes_down: int             # at most
    server_memory: int
    worker_memory: int
    worst_case_wrong_files: int
    worst_case_share: float     # of the files
    worst_case_bounds_silence: bool     # or only while everybody answers
    silent_survived: int        # any so many workers may be silent
    q_max: int | None           # files that may be finished before all are
    q_max_bound: int | None     # covered, and the least for any order
    before: list[str]           # pre-aggregations,
    rows: int                   # and the rows that they leave of the files
    buckets: int | None         # of median-of-means
    certifies: str | None       # none, unattacked or attacked: when every
    #                             file can be certified
    reassigns: bool | None      # whether exposed workers' files go to others
    checkpoint_bytes: int       # of one
    checkpoint_every: int       # steps; 0 only where the run ends
    checkpoints: int            # that are kept
    tolerates: int              # workers that may die
    waits_for_all: bool         # whether every worker has to finish all
    presses: bool               # whether late workers are not waited for
    silence: float              # seconds
    most_cost: float            # share of the run that a worker may cost
    warnings: list              # sentences
    #: Numbers of spot checks, and what follows from them; None without any.
    spot: Spot | None = None
    spot_forecast: Forecast | None = None


def forecast(job, settings=()):
    """The plan of a job file; neither data nor vectors are made.

    Parameters
    ----------
    job : str or Path
    settings : iterable of str
        `section.key=value`, as on the command line.

    Returns
    -------
    Plan
    """
    return plan_of(Design(loading.load(job, settings)))


def plan_of(design):
    """The plan of a design that is made already."""
    job, assignment = design.job, design.assignment
    replicas = int(assignment.loads.sum())
    traffic = _traffic(design)
    vector = design.wire().size(Parameters)
    state = state_bytes(design.optimizer)
    kept = 4 * design.d + state
    problem = design.problem
    data = problem.data_bytes + design.delay.data_bytes
    gradient = problem.gradient_bytes(design.micro_batch)
    # What is received in a step; parameters old and new, gradient, and what
    # the guard compares parameters with; what the optimizer has; what is
    # kept of them for a checkpoint; what computing needs, evaluation or a
    # gradient for an audit.
    server = (traffic.vectors * traffic.vector + 4 * vector + state + kept
              + job.runtime.threads * SCRATCH + data
              + max(problem.evaluation_bytes, gradient * problem.on_server))
    # Parameters now and next, what the transfer keeps, and computing.
    worker = 2 * vector + traffic.kept + data + gradient
    spot = _spot(design, server, worker - traffic.kept, kept)
    waits = not (design.transfer.sends_at_once
                 or design.transfer.sends_unasked)
    needed = design.scheme.needed
    copies = max(job.collection.copies,
                 0 if needed is None else int(needed.min()))
    return Plan(
        job=job.path, scheme=job.scheme.name or 'own', workers=job.n_workers,
        assumed_adversaries=job.q, files=assignment.n_files,
        replication=assignment.replication, load=assignment.load,
        parameters=design.d, batch_size=int(design.batches.counts.sum()),
        copies=copies, gradients_per_step=replicas,
        vectors_up=traffic.vectors, bytes_up=traffic.up,
        bytes_down=traffic.down, server_memory=server, worker_memory=worker,
        worst_case_wrong_files=design.worst_case,
        worst_case_share=design.worst_case / assignment.n_files,
        worst_case_bounds_silence=(design.detector.bounds_silence
                                   or not design.transfer.comparable),
        silent_survived=design.silent_survived,
        q_max=ordering.q_max(assignment, copies) if waits else None,
        q_max_bound=(ordering.q_max_bound(assignment, copies) if waits
                     else None),
        before=list(job.aggregation.before),
        rows=getattr(design.scheme.aggregator, 'rule',
                     design.scheme.aggregator).n_files,
        buckets=getattr(design.scheme.aggregator, 'buckets', None),
        certifies=_certifies(design), reassigns=_reassigns(design),
        checkpoint_bytes=kept, checkpoint_every=job.run.checkpoint_every,
        checkpoints=job.run.keep, tolerates=job.faults.tolerate,
        waits_for_all=design.scheme.collection.waits_for_all,
        presses=design.presses and job.q > 0, silence=job.faults.silence,
        most_cost=design.most_cost, warnings=_warnings(design), spot=spot,
        spot_forecast=None if spot is None else expected(spot))


def _spot(design, server, worker, checkpoint):
    """Numbers of spot checks, None without any.

    Parameters
    ----------
    design : Design
    server, worker : int
        Bytes of the server, and of a worker but for what it sends.
    checkpoint : int
        Bytes of one.
    """
    rule, job = design.detector, design.job
    if not rule.spot_checks:
        return None
    vector = design.wire().size(Parameters)
    return Spot(
        workers=job.n_workers, adversaries=job.q,
        load=design.assignment.load, vector=vector, rate=rule.rate,
        first=rule.first, steps=job.run.steps, rollback=rule.rollback,
        risk=rule.rollback_risk, every=job.run.checkpoint_every,
        keep=job.run.keep, checkpoint=checkpoint, server_memory=server,
        worker_memory=worker + _beside_sums(design),
        keeps=rule.keep_gradients, tolerates=job.faults.tolerate)


def _beside_sums(design):
    """Bytes of a worker's sketches, where it has to show any."""
    return design.wire().size(Sketch) * bool(design.job.transfer.challenge)


def _certifies(design):
    """The word for when every file can be certified, or None."""
    if not design.detector.certifies:
        return None
    copies, q = design.assignment.least_copies, design.job.q
    return ('attacked' if copies > 2 * q else
            'unattacked' if copies > q else 'none')


def _reassigns(design):
    """True where files go to others; None where nobody stays excluded."""
    return None if design.memory == 'step' else design.inner.reassignable


def _warnings(design):
    section, found = design.job.detection, []
    if section.equality == 'tolerance' and section.budget == 'fixed' and (
            design.memory != 'step'):
        found.append("With equality = 'tolerance' and budget = 'fixed' an "
                     'honest worker that seems to disagree once does so for '
                     'as long as the memory lasts; a window is safer.')
    return found


class _Traffic(NamedTuple):
    """Traffic of a step without failures, and what a worker keeps."""

    vectors: int
    vector: int                 # bytes of one
    up: int
    down: int
    kept: int


def _traffic(design):
    assignment, k = design.assignment, design.job.n_workers
    replicas, size = int(assignment.loads.sum()), design.wire().size
    vector = size(Parameters)
    model = k * (size(Model) + vector)
    if design.transfer.sends_at_once:
        return _Traffic(replicas, vector, replicas * size(Replica), model,
                        min(AHEAD, assignment.load) * vector)
    if design.transfer.sends_unasked:
        return _unasked(design, model)
    # Every file is reported.
    reports, payload = replicas * size(Progress), size(CodedGradient)
    signal = size(Encode) + size(Commit)
    if not design.job.transfer.challenge:
        return _Traffic(k, payload, k * payload + reports, model + k * signal,
                        assignment.load * vector + payload)
    # Without an attack one epoch is enough, unless files are only presumed:
    # then the largest are left out in a second one.
    epochs = 1 if design.worst_case == 0 else 2
    answer = size(Sketch)
    return _Traffic(
        epochs * k, payload, epochs * k * (payload + answer) + reports,
        model + epochs * k * (signal + size(Challenge)),
        assignment.load * vector + payload + answer)


def _unasked(design, model):
    """Traffic of sums that nobody asks for, the mean over all steps."""
    k, size, load = (design.job.n_workers, design.wire().size,
                     design.assignment.load)
    total, vector, share = size(Sum), size(Parameters), 0.0
    # The sum is float64; gradients are kept, or one after the other is made.
    held = load if load == 1 or design.transfer.keeps_gradients else 1
    held += 2 * (load > 1)
    if design.detector.spot_checks:
        share = _checked_share(design)
    # A checked step: owners sketch their files, and each worker one more.
    up = share * 2 * size(Sketch) if share else 0
    down = share * (size(Challenge) + size(Compute))
    return _Traffic(k, total, k * total + round(k * up),
                    model + k * size(Commit) + round(k * down),
                    held * vector + total + _beside_sums(design))


def _checked_share(design):
    """Share of the steps that are checked, expected."""
    return expected(_spot(design, 0, 0, 0)).checked_share


def describe(plan):
    """The plan in sentences, for a person."""
    p = plan
    lines = [
        f"{p.job}: scheme {p.scheme}, {counted(p.workers, 'worker')} and the "
        f'parameter server, so mpirun -n {p.workers + 1}.',
        f"{counted(p.files, 'file')} a step, "
        f"{counted(p.replication, 'worker')} a file, at most "
        f"{counted(p.load, 'file')} a worker; "
        f"{counted(p.batch_size, 'sample')} a step.",
        f'{p.parameters:,} parameters; '
        f"{counted(p.gradients_per_step, 'gradient is', 'gradients are')} "
        'computed a step, '
        f"{counted(p.vectors_up, 'vector is', 'vectors are')} sent.",
        f'Bytes a step: {size(p.bytes_up)} up, {size(p.bytes_down)} down.',
    ]
    if p.spot is None:
        lines.append('Memory beyond the process: server '
                     f'{size(p.server_memory)}, worker '
                     f'{size(p.worker_memory)}.')
    lines += _worst_case(p) + _certificates(p)
    lines.append(survived(p.silent_survived))
    lines += _pace(p)
    if p.spot is not None:
        lines += described(p.spot)
    lines += _checkpoints(p)
    if p.tolerates:
        who = counted(p.tolerates, 'worker that dies', 'workers that die')
        lines.append(f'The run goes on without up to {who}, under mpirun '
                     '--with-ft ulfm.')
    if p.q_max is not None:
        lines.append(_order(p))
    if p.before:
        lines.append(f'Before the aggregation comes {", then ".join(p.before)}'
                     f', which leaves {counted(p.rows, "row")} of the '
                     f'{counted(p.files, "file")}.')
    if p.buckets is not None:
        lines.append(f"median-of-means has {counted(p.buckets, 'bucket')}.")
        if p.buckets <= 2 * p.worst_case_wrong_files:
            lines.append('That is no majority of right buckets in the worst '
                         'case.')
    return '\n'.join(lines + p.warnings)


def _checkpoints(p):
    """A sentence on checkpoints; spot checks have their own."""
    if p.spot is not None and p.spot.rollback:
        return []
    when = (f"every {counted(p.checkpoint_every, 'step')} and where the run "
            'ends' if p.checkpoint_every else 'where the run ends')
    last = 'one is' if p.checkpoints == 1 else f'{p.checkpoints} are'
    return [f'A checkpoint of {size(p.checkpoint_bytes)} {when}; the last '
            f'{last} kept.']


def _worst_case(p):
    """The bound of wrong files as a sentence, if any worker may be wrong."""
    if not p.assumed_adversaries:
        return []
    who = counted(p.assumed_adversaries, 'worker is', 'workers are')
    silent = '' if p.worst_case_bounds_silence else ' and nobody is silent'
    share = (f' ({100 * p.worst_case_share:.3g} %)' if p.worst_case_share
             else '')
    return [f'At most {p.worst_case_wrong_files} of {p.files} files{share} '
            f'can be wrong in a step if at most {who}{silent}.']


def _certificates(p):
    """Sentences on what can be certified, and what exposure costs."""
    q, r = p.assumed_adversaries, p.replication
    lines = {
        None: [],
        'attacked': [f'Every file can be certified, without an attack (r = '
                     f'{r} is more than q = {q}) and against fresh liars '
                     f'without a loss (r is more than 2 q = {2 * q}).'],
        'unattacked': [f'Without an attack every file can be certified (r = '
                       f'{r} is more than q = {q}); fresh liars may cost '
                       f'files (r is not more than 2 q = {2 * q}).'],
        'none': [f'Without an attack no file can be certified (r = {r} is '
                 f'not more than q = {q}): files are presumed, all their '
                 'workers are waited for, so slow ones are not made up for, '
                 f'and of these files the {p.worst_case_wrong_files} with '
                 'the largest norms are left out.'],
    }[p.certifies]
    if p.reassigns:
        lines.append("An exposed worker's files go to others.")
    elif p.reassigns is not None:
        lines.append("An exposed worker's files stay without it: this "
                     'transfer cannot give them to others, so that they have '
                     'one copy less.')
    return lines


def _pace(p):
    """Sentences on what slow and silent workers can cost."""
    lines, q = [], p.assumed_adversaries
    if p.waits_for_all and not p.presses:
        bound = ('; faults.patience = 0.01 would bound it by the pace of '
                 'others' if q else '')
        lines.append('One worker sets the pace: everybody is waited for, up '
                     f'to {p.silence:g} s from one sign of life to the next'
                     f'{bound}.')
    elif p.presses:
        lines.append(f'Who takes three times as long as the {p.workers - q} '
                     f'fastest of {p.workers} workers is late, and not waited '
                     'for where others can do its part.')
    if p.most_cost:
        share = f'{100 * p.most_cost:g} %'
        lines.append(f'A worker that has cost more than {2 * p.silence:g} s '
                     f'and more than {share} of the run gets no work until '
                     'the run has lasted longer.')
    return lines


def _order(p):
    """A sentence on how good the order of computing is."""
    gap = p.q_max - p.q_max_bound
    ending = ('no order needs fewer.' if not gap else
              f'no order can need fewer than {p.q_max_bound}, a gap of {gap}.')
    gradients = counted(p.gradients_per_step, 'gradient')
    return (f'After any {p.q_max} of the {gradients} every file has '
            f'{p.copies} of its copies, whoever is slow; {ending}')
