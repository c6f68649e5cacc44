"""The forecast of a job, before anything is computed."""

from dataclasses import replace

import numpy as np

from aspis_mpi.aggregation.blocks import SCRATCH
from aspis_mpi.assembly.design import Design
from aspis_mpi.assembly.placing import crowds
from aspis_mpi.assembly.room import beyond
from aspis_mpi.assignment import ordering
from aspis_mpi.detection.spot.forecast import expected
from aspis_mpi.job import loading
from aspis_mpi.learning.optimizer import state_bytes
from aspis_mpi.plan import checks
from aspis_mpi.plan.numbers import Plan, Uneven
from aspis_mpi.plan.traffic import traffic_of
from aspis_mpi.protocol.messages import Parameters
from aspis_mpi.words import counted


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
    traffic = traffic_of(design)
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
    server = (traffic.at_once * traffic.vector + 4 * vector + state + kept
              + job.runtime.threads * SCRATCH + data
              + max(problem.evaluation_bytes, gradient * problem.on_server))
    # Nodes of trees: of whole files on the server, of micro-batches.
    trees = design.tree_vectors
    server += vector * (trees * problem.on_server + (
        design.wholes.most_vectors
        if design.nodes and design.transfer.sends_at_once else 0))
    # Parameters now and next, what the transfer keeps, and computing.
    worker = ((2 + trees) * vector + traffic.kept + data + gradient
              + design.compression.work_bytes)
    spot = checks.spot(design, server, worker - traffic.kept, kept)
    again = checks.reactive(design)
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
        copies=copies, gradients_per_step=round(
            replicas * (1 if again is None else again.expected)),
        vectors_up=traffic.vectors, bytes_up=traffic.up,
        bytes_down=traffic.down, server_memory=server, worker_memory=worker,
        worst_case_wrong_files=design.worst_case,
        worst_case_share=design.worst_case / assignment.n_files,
        worst_case_bounds_silence=_bounds_silence(design),
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
        most_cost=design.most_cost, warnings=_warnings(design),
        placement=job.assignment.placement,
        most_on_a_host=_most_on_a_host(design),
        adapts_every=job.assignment.adapt, most_files=design.most_files,
        spot=spot, spot_forecast=None if spot is None else expected(spot),
        reactive=again, uneven=_uneven(design), tree_vectors=trees)


def _uneven(design):
    """Samples of uneven files, None where they are nearly equal."""
    counts, assignment = design.batches.counts, design.assignment
    if design.batches.costs is None:
        return None
    work = counts @ assignment.incidence
    work = work[assignment.loads > 0]
    found = Uneven(int(counts.min()), int(counts.max()), int(work.min()),
                   int(work.max()))
    if not design.nodes:
        return found
    units = np.bincount(design.units, counts)
    return replace(found, whole=design.wholes.n_files,
                   unit_least=int(units.min()), unit_most=int(units.max()))


def _bounds_silence(design):
    """True if the worst case is the same whoever is silent or dead.

    Not where their files may come to the wrong ones.
    """
    if design.worst_case and design.absences.most:
        return False
    return design.detector.bounds_silence or not design.transfer.comparable


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


def _most_on_a_host(design):
    """Workers of a file on one host at most; None where hosts are unknown."""
    if design.hosts is None:
        return None
    return crowds(design, design.hosts[1:])[0]


def _warnings(design):
    job, section = design.job, design.job.detection
    found = [*filter(None, [beyond(design.problem)])]
    if section.equality == 'tolerance' and section.budget == 'fixed' and (
            design.memory != 'step'):
        found.append("With equality = 'tolerance' and budget = 'fixed' an "
                     'honest worker that seems to disagree once does so for '
                     'as long as the memory lasts; a window is safer.')
    if job.transfer.challenge and job.transfer.sketches == 1:
        found.append('With transfer.sketches = 1 a wrong sum passes a '
                     'challenge now and then, and counts as certified; with 4 '
                     'or more it does not.')
    who = job.part('adversary', 'who').cls
    if job.adversary.count and who.changes and design.memory == 'forever':
        found.append(f"With adversary.who = '{job.adversary.who}' more than "
                     f"{counted(job.q, 'worker')} may lie in a run: "
                     f'{job.detection.name}, which remembers for ever, '
                     'promises nothing then.')
    return found
