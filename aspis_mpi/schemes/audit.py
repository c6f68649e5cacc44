"""Contested files settled by computing them once more, on the server."""

from dataclasses import dataclass, replace

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.detection.base import DROPPED, Verdict
from aspis_mpi.schemes.decision import decide


@dataclass(frozen=True, eq=False)
class Audited:
    """A verdict after audits, and what they found.

    Attributes
    ----------
    verdict : Verdict
    audits : int
        Files that were computed.
    remarks : tuple of str
        Audits that settled nothing.
    """

    verdict: Verdict
    audits: int = 0
    remarks: tuple = ()


def audited(detector, table, believed, verdict, compute):
    """Settle what is contested, with at most q audits.

    A value that has the server's own bits is right; whoever sent another
    one is exposed, and the rest is decided again without it.  Each audit
    that settles anything exposes a liar, so q are enough.

    Parameters
    ----------
    detector : Detector
    table : ReplicaTable
    believed : ndarray of bool, shape (K,)
        Workers that no proof stands against.
    verdict : Verdict
        Before any audit.
    compute : callable
        Given a file, its gradient as the server computes it, float32 (d,),
        valid until the next call.

    Returns
    -------
    Audited
    """
    first, right, remarks, proofs = believed, {}, [], []
    asked = set()
    for _ in range(detector.q):
        todo = [file for file in np.flatnonzero(verdict.contested).tolist()
                if file not in asked]
        if not todo:
            break
        file = todo[0]
        asked.add(file)
        sent = table.senders(file, believed)
        alike = _alike(table, file, sent, compute(file))
        if not alike.any():
            remarks.append(f'the audit of file {file} settles nothing: no '
                           'worker sent what the server computes')
            continue
        right[file] = sent[alike]
        believed = believed.copy()
        believed[sent[~alike]] = False
        proofs += [(worker, f'worker {worker} sent for file {file} what the '
                    'server, computing it, does not find')
                   for worker in sent[~alike].tolist()]
        verdict = decide(detector, table.evidence(), believed)
        if verdict.contradiction:
            return Audited(verdict, len(asked), tuple(remarks))
    return Audited(_settled(verdict, first & ~believed, proofs, right),
                   len(asked), tuple(remarks))


def _alike(table, file, workers, values):
    """Which of the workers sent exactly these values, bool (n,)."""
    return np.array([arrays.equal_bits(table.values(worker, file), values)
                     for worker in workers.tolist()], dtype=bool)


def _settled(verdict, exposed, proofs, right):
    """The verdict with audited files in use and liars exposed."""
    source, contributors = verdict.source.copy(), verdict.contributors.copy()
    certified = verdict.certified.copy()
    for file, workers in right.items():
        source[file] = workers[0]
        contributors[file] = False
        contributors[file, workers] = True
        certified[file] = True
    exposed = exposed | verdict.exposed
    return replace(
        verdict, source=source, contributors=contributors,
        certified=certified, presumed=verdict.presumed & ~certified,
        contested=verdict.contested & ~certified,
        exposed=exposed, flagged=verdict.flagged | exposed,
        proofs=(*proofs, *verdict.proofs),
        plain_mean=bool(certified[source > DROPPED].all()))
