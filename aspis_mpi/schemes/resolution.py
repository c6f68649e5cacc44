"""What is made of one step's arrivals, and how replicas are resolved."""

from dataclasses import dataclass, replace
from math import nan

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.coding.challenge import hidden_bias
from aspis_mpi.detection.base import DROPPED, MISSING, Verdict
from aspis_mpi.schemes.audit import Audited, audited
from aspis_mpi.schemes.decision import decide, lowered
from aspis_mpi.schemes.record import Outcome


@dataclass(frozen=True, eq=False)
class Resolution:
    """What the scheme made of one step's arrivals."""

    verdict: Verdict
    outcome: Outcome
    disagreements: np.ndarray   # bool (K, K), symmetric
    margin: np.ndarray          # float64 (2,)
    copies: np.ndarray          # uint16 (f,): workers that showed each file
    seconds_detect: float
    seconds_aggregate: float
    residual: float = 0.0       # coefficient error of an approximate step
    audits: int = 0             # files that the server computed itself
    remarks: tuple = ()         # what a person should read, in sentences
    hidden_bias: float = 0.0    # what liars may have hidden in what is used
    floor: float = nan          # of norms in the next step, where measured
    spread: float = nan         # what honest workers differ by, if measured
    not_finite: tuple = ()      # files of which somebody sent no numbers, of
    #                             a contradiction

    @property
    def updates(self):
        """Whether the step has a gradient."""
        return self.outcome > Outcome.SKIPPED


def resolve(scheme, table, believed, samples, out, threads, clock,
            audit=None):
    """Detect, choose a value for each file, aggregate.

    Parameters
    ----------
    scheme : Scheme
    table : ReplicaTable
        What has arrived in this step.
    believed : ndarray of bool, shape (K,)
        Workers that no proof stands against.
    samples : ndarray of int, shape (f,)
        Samples of each file.
    out : ndarray of float32, shape (d,)
        Receives the mean gradient if the step has one.
    threads : int
    clock : callable
        Seconds.
    audit : callable, optional
        Given a file, its gradient as the server computes it, float32 (d,).

    Returns
    -------
    Resolution
    """
    if table.deferred and not scheme.aggregator.propagates:
        table.examine()
    resolution, finite = _attempt(scheme, table, believed, samples, out,
                                  threads, clock, audit)
    if table.deferred and not finite:
        table.examine()
        resolution, finite = _attempt(scheme, table, believed, samples, out,
                                      threads, clock, audit)
    if finite:
        return resolution
    refused = scheme.detector.refuse(
        table.evidence(), 'the aggregate of finite files is not finite')
    return replace(resolution, verdict=refused,
                   outcome=Outcome.CONTRADICTION)


def _attempt(scheme, table, believed, samples, out, threads, clock, audit):
    """The resolution, and whether what it aggregated is finite."""
    start = clock()
    evidence = table.evidence()
    found = Audited(decide(scheme.detector, evidence, believed))
    if scheme.random_audits or found.verdict.contested.any():
        found = audited(scheme.detector, table, believed, found.verdict,
                        audit, scheme.random_audits,
                        contested=None if scheme.audits else 0)
    verdict = without_largest(found.verdict, table, scheme.worst_case)
    evidence = evidence.without(~believed)
    margin = table.margin()
    detected = clock()

    used, bias = np.flatnonzero(verdict.source >= 0), 0.0
    floor = spread = nan
    if used.size:
        rows = [table.values(worker, file)
                for worker, file in zip(verdict.source[used].tolist(),
                                        used.tolist())]
        rule = scheme.mean if verdict.plain_mean else scheme.aggregator
        rule.aggregate(rows, samples[used], out, threads)
        if not scheme.equality.exact:
            norms = np.array(list(map(arrays.quick_norm, rows)))
            floor = scheme.equality.floor(norms, scheme.worst_case)
            spread = table.spread(scheme.detector.q)
            bias = _hidden_bias(scheme, verdict, believed, used,
                                table.apart(norms))
    return Resolution(
        verdict, outcome(evidence, verdict), evidence.seen, margin,
        table.copies(), detected - start, clock() - detected,
        audits=found.audits, remarks=found.remarks, hidden_bias=bias,
        floor=floor, spread=spread, not_finite=_not_finite(
            verdict, table.evidence())), (
            not used.size or arrays.is_finite(out))


def _not_finite(verdict, evidence):
    """Files with a replica that is not finite, where that matters."""
    if not verdict.contradiction:
        return ()
    odd = (evidence.present & ~evidence.finite).any(axis=1)
    return tuple(np.flatnonzero(odd).tolist())


def _hidden_bias(scheme, verdict, believed, used, apart):
    """What liars may have hidden in replicas that only support each other."""
    left = lowered(scheme.detector, believed & ~verdict.exposed)
    errors = np.bincount(verdict.source[used], apart, len(believed))
    return hidden_bias(errors, left.q, used.size)


def without_largest(verdict, table, most):
    """The verdict without the presumed files of largest norm.

    Files that nothing certifies can be wrong if liars alone hold them.  When
    as many are dropped as liars can hold, the largest first, no wrong one
    that is left is larger than a right one.

    Parameters
    ----------
    verdict : Verdict
    table : ReplicaTable
    most : int
        Files that q workers can hold alone.
    """
    if not most or not verdict.presumed.any():
        return verdict
    used = np.flatnonzero(verdict.presumed & (verdict.source >= 0))
    norms = [table.norm(verdict.source[file], file)
             for file in used.tolist()]
    dropped = used[np.argsort(norms, kind='stable')[::-1][:most]]
    source, contributors = verdict.source.copy(), verdict.contributors.copy()
    source[dropped] = DROPPED
    contributors[dropped] = False
    return replace(verdict, source=source, contributors=contributors)


def outcome(evidence, verdict):
    """The first of the outcomes that applies to a verdict."""
    if verdict.contradiction:
        return Outcome.CONTRADICTION
    if not (verdict.source >= 0).any():
        return Outcome.SKIPPED
    if (verdict.source == MISSING).any():
        return Outcome.INCOMPLETE
    if verdict.voted:
        return Outcome.VOTED
    if evidence.contested.any() or (verdict.source == DROPPED).any():
        return Outcome.RESOLVED
    return Outcome.CLEAN


def outcome_of_sum(verdict, divisor, lacks, graph):
    """The first of the outcomes that applies to verified payloads.

    Parameters
    ----------
    verdict : Verdict
    divisor : float
        Samples in the sum.
    lacks : float
        Shares of files in it that are not there.
    graph : ndarray of bool, shape (K, K)
        Who disagreed with whom.
    """
    if verdict.contradiction:
        return Outcome.CONTRADICTION
    if divisor <= 0:
        return Outcome.SKIPPED
    if lacks or (verdict.source == MISSING).any():
        return Outcome.INCOMPLETE
    if verdict.voted:
        return Outcome.VOTED
    disputed = (graph.any() or verdict.exposed.any()
                or (verdict.source == DROPPED).any())
    return Outcome.RESOLVED if disputed else Outcome.CLEAN
