"""The result of one step's arrivals, and how replicas are resolved."""

from dataclasses import dataclass, replace
from math import nan

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.arrays import Bools, Floats, Ints
from aspis_mpi.coding.challenge import hidden_bias
from aspis_mpi.compression.base import Accepted
from aspis_mpi.detection.base import DROPPED, MISSING, Verdict
from aspis_mpi.detection.contradiction import (
    Contradiction, ContradictionKind)
from aspis_mpi.schemes.audit import Audited, audited
from aspis_mpi.schemes.record import Outcome


@dataclass(frozen=True, eq=False)
class Resolution:
    """The result of the scheme's work on one step's arrivals."""

    verdict: Verdict
    outcome: Outcome
    disagreements: Bools        # (K, K), symmetric
    margin: Floats              # (2,)
    copies: Ints                # uint16 (f,): workers that showed each file
    seconds_detect: float
    seconds_aggregate: float
    residual: float = 0.0       # coefficient error of an approximate step
    audits: int = 0             # files that the server computed itself
    checks: int = 0             # files that a worker computed again
    #: What a person should read, in sentences.
    remarks: tuple[str, ...] = ()
    hidden_bias: float = 0.0    # what liars may have hidden in what is used
    floor: float = nan          # of norms in the next step, where measured
    spread: float = nan         # what honest workers differ by, if measured
    #: Files of which somebody sent no numbers, of a contradiction.
    not_finite: tuple[int, ...] = ()
    accepted: Accepted | None = None    # of files on a grid, what they say
    #: Who showed of which file what is used, or finished it where nothing is
    #: compared, bool (f, K); None where that is who contributed.
    shown: Bools | None = None

    @property
    def credited(self):
        """Files by the workers whose work on them was right, bool (f, K)."""
        return (self.verdict.contributors if self.shown is None
                else self.shown)

    @property
    def updates(self):
        """True where the step has a gradient."""
        return self.outcome > Outcome.SKIPPED


def resolve(table, closing):
    """Detect, choose a value for each file, aggregate.

    Parameters
    ----------
    table : PushedTable
        What has arrived in this step.
    closing : Closing

    Returns
    -------
    Resolution
    """
    scheme = closing.scheme
    if table.deferred and not scheme.aggregator.shows_non_finite:
        table.examine()
    resolution, finite = _attempt(table, closing)
    if table.deferred and not finite:
        table.examine()
        resolution, finite = _attempt(table, closing)
    if finite:
        return resolution
    refused = scheme.detector.refuse(table.evidence(), Contradiction(
        ContradictionKind.NOT_FINITE,
        'the aggregate of finite files is not finite'))
    return replace(resolution, verdict=refused,
                   outcome=Outcome.CONTRADICTION)


def _attempt(table, closing):
    """The resolution, and whether what it aggregated is finite."""
    scheme, believed = closing.scheme, closing.believed
    start = closing.clock()
    evidence = table.evidence()
    found = Audited(scheme.detection.decide(evidence, believed))
    if scheme.random_audits or found.verdict.contested.any():
        found = audited(scheme.detection, table, believed, found.verdict,
                        closing.audit, scheme.random_audits,
                        contested=None if scheme.audits else 0,
                        locator=closing.locator)
    if found.verdict.proofs and closing.locator is not None:
        found = replace(found, verdict=_located(found.verdict, table,
                                                closing.locator))
    verdict = without_largest(found.verdict, table, scheme.worst_case)
    evidence = evidence.without(~believed)
    margin = table.margin()
    detected = closing.clock()

    used, bias = np.flatnonzero(verdict.source >= 0), 0.0
    floor = spread = nan
    accepted = None
    if used.size:
        rows = [table.values(worker, file)
                for worker, file in zip(verdict.source[used].tolist(),
                                        used.tolist())]
        rule = scheme.mean if verdict.mean_is_right else scheme.aggregator
        accepted = table.codec.aggregate(
            rule, *closing.joined(rows, used), closing.out, closing.threads)
        if not scheme.equality.exact:
            norms = np.array(list(map(table.codec.norm, rows)))
            floor = scheme.equality.floor(norms, scheme.worst_case)
            spread = table.spread(scheme.detection.q)
            bias = _hidden_bias(closing, verdict, used, table.apart(norms))
    return Resolution(
        verdict, outcome(evidence, verdict), evidence.seen, margin,
        table.copies(), detected - start, closing.clock() - detected,
        audits=found.audits, remarks=found.remarks, hidden_bias=bias,
        floor=floor, spread=spread, not_finite=_not_finite(
            verdict, table.evidence()), accepted=accepted), (
            not used.size or arrays.is_finite(closing.out))


def _located(verdict, table, locator):
    """The verdict whose proofs name tensors where that can be done."""
    return replace(verdict, proofs=locator.completed(
        verdict.proofs, verdict, table))


def _not_finite(verdict, evidence):
    """Files with a replica that is not finite, where that matters."""
    if not verdict.contradiction:
        return ()
    odd = (evidence.present & ~evidence.finite).any(axis=1)
    return tuple(np.flatnonzero(odd).tolist())


def _hidden_bias(closing, verdict, used, apart):
    """Errors that liars may have hidden in replicas that only support."""
    believed = closing.believed
    left = closing.scheme.detection.left(believed & ~verdict.exposed)
    errors = np.bincount(verdict.source[used], apart, len(believed))
    return hidden_bias(errors, left, used.size)


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
