"""Files settled by computing them once more, on the server.

*Contested files.*  A value that is the server's own is right, and whoever
sent another one is exposed.  Each audit that settles a disagreement exposes
a liar, so q are enough.

*Random audits.*  A file that only liars hold looks like any other.  Files
that everybody agrees on and nothing proves right are therefore audited by
chance, when the replies are in: liars that share u of n such files get away
with m audits with probability C(n - u, m) / C(n, m).  In a step that has
several verifications each draws m of those files that somebody has shown
since they could last be drawn, so that no later epoch is safer for a lie.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.arrays import Ints
from aspis_mpi.detection.base import DROPPED, Proof, ProofKind, Verdict
from aspis_mpi.schemes.odd import oddities
from aspis_mpi.streams import unforeseen


@dataclass(frozen=True, eq=False)
class Audited:
    """A verdict after audits, and what they found.

    Attributes
    ----------
    verdict : Verdict
    audits : int
        Files that were computed.
    contested : int
        Those of them that were contested.
    remarks : tuple of str
        Audits that settled nothing.
    right : dict of int to ndarray of int
        Workers that sent what the server computed, by file.
    offered : ndarray of int, shape (n,)
        Unanimous files among which the audits were drawn.
    wrong : frozenset of int
        Files of which some workers were exposed.
    """

    verdict: Verdict
    audits: int = 0
    remarks: tuple[str, ...] = ()
    right: dict[int, Ints] = field(default_factory=dict)
    contested: int = 0
    offered: Ints = field(default_factory=lambda: np.empty(0, int))
    wrong: frozenset[int] = frozenset()


def drawn(files, count):
    """Some of the files, as the operating system's randomness has it.

    Parameters
    ----------
    files : ndarray of int, shape (n,)
    count : int

    Returns
    -------
    ndarray of int, shape (min(n, count),)
    """
    # A random order of all, that of random keys.
    keys = np.array([int.from_bytes(unforeseen(8)) for _ in files],
                    dtype=np.uint64)
    return files[np.argsort(keys)[:count]]


def audited(detection, table, believed, verdict, compute, random_audits=0,
            choose=drawn, contested=None, fresh=None, locator=None):
    """Settle what is contested with at most q audits, then look elsewhere.

    Parameters
    ----------
    detection : Detection
    table : ReplicaTable
        Or another that answers `evidence`, `senders` and `against`.
    believed : ndarray of bool, shape (K,)
        Workers that no proof stands against.
    verdict : Verdict
        Before any audit.
    compute : callable
        Given a file, its gradient as the server computes it, float32 (d,),
        valid until the next call; None where it cannot.
    random_audits : int
        How many of the unanimous files in use that are not certified are
        audited as well.
    choose : callable
        Given these files, (n,), and that number: the files to audit.
    contested : int, optional
        The most contested files that are audited; q by default.
    fresh : ndarray of bool, shape (f,), optional
        The files that can be drawn; all by default.
    locator : Locator, optional
        Finds where exposed workers were wrong; `table` then has `values`.

    Returns
    -------
    Audited

    Notes
    -----
    With two thresholds a worker in between is neither right nor exposed.
    Then an audit may settle a file without exposing anybody; files with a
    disagreement come first.  Whoever is found there is odd (see `odd`) if it
    has to do with another file that is contested, which then is so no more:
    q audits find all of q odd workers, too.
    """
    audits = _Audits(detection, table, believed, verdict, compute, locator)
    if compute is None:
        contested = random_audits = 0
    for _ in range(detection.q if contested is None else contested):
        if not audits.of_contested():
            break
    settled = audits.count
    if not random_audits:
        audits.set_aside()
        return replace(audits.result(), contested=settled)
    offered = audits.unproved(fresh)
    for file in choose(offered, random_audits).tolist():
        audits.of_unanimous(file)
    audits.decide()
    audits.set_aside()
    return replace(audits.result(), contested=settled, offered=offered)


class _Audits:
    """The audits of one step."""

    def __init__(self, detection, table, believed, verdict, compute,
                 locator):
        self._detection = detection
        self._table = table
        self._first = self._believed = believed
        self._verdict = verdict
        self._compute = compute
        self._locator = locator
        self._asked, self._right, self._wrong = set(), {}, set()
        self._proofs, self._remarks = [], []
        self._oddities = np.zeros(len(believed), dtype=int)
        self._decided = True

    def of_contested(self):
        """Audit a contested file; whether there was one left."""
        self.set_aside()
        contested = np.flatnonzero(self._verdict.contested).tolist()
        todo = [file for file in contested if file not in self._asked]
        if not todo:
            return False
        disputed = self._counting().disputed
        file = max(todo, key=disputed.__getitem__)
        sent = self._table.senders(file, self._believed)
        values, supports, disagrees = self._ask(file, sent)
        self._oddities[sent[~supports & ~disagrees]] += 1
        if not supports.any():
            self._remark(file, 'no worker sent what the server computes')
            return True
        self._right[file] = sent[supports]
        self._expose(file, sent[disagrees], values)
        self.decide()
        return True

    def set_aside(self):
        """Decide without odd workers, as long as some are in the way."""
        while (odd := self._in_the_way()).any():
            self._table.disregard(odd)
            self._decided = False
            self.decide()

    def _in_the_way(self):
        """Odd workers on contested files, not more than can be wrong."""
        verdict, evidence = self._verdict, self._table.evidence()
        contested = verdict.contested.copy()
        contested[list(self._right)] = False
        odd = np.zeros_like(self._believed)
        if not contested.any():
            return odd
        found = self._oddities + oddities(evidence, self._table.beyond,
                                          verdict)
        holders = evidence.holders[contested]
        here = holders[evidence.present[contested]]
        found[~np.isin(np.arange(len(odd)), here) | ~self._believed
              | verdict.exposed] = 0
        gone = self._table.odd | ~self._believed | verdict.exposed
        room = max(self._detection.q - np.count_nonzero(gone), 0)
        worst = np.argsort(-found, kind='stable')[:room]
        odd[worst] = found[worst] > 0
        return odd

    @property
    def count(self):
        """Files that were computed so far."""
        return len(self._asked)

    def unproved(self, fresh=None):
        """Unanimous files in use that nothing proves right, (n,)."""
        verdict = self._verdict
        used = verdict.source > DROPPED
        if fresh is not None:
            used &= fresh
        return np.flatnonzero(used & ~verdict.certified
                              & ~self._counting().contested)

    def of_unanimous(self, file):
        """Audit a file on which all who count agree."""
        sent = self._table.senders(file, self._believed)
        if not sent.size:
            return      # an audit of this step has exposed them all
        values, supports, disagrees = self._ask(file, sent)
        if supports.any():
            self._right[file] = sent[supports]
            self._expose(file, sent[disagrees], values)
            return
        # Nobody bears the server out.  It must be sure of itself: it took
        # part in the probe, so its machine is one of those of the honest.
        if not disagrees.all():
            self._remark(file, 'no worker is within tolerance of what the '
                         'server computes, and some are not far from it')
        elif self._exposed_with(sent) > self._detection.q:
            self._remark(file, 'no worker sent what the server computes, and '
                         'its senders and those exposed before would be more '
                         f'than q = {self._detection.q}')
        elif not arrays.equal_bits(values.copy(), self._compute(file)):
            self._remark(file, 'the server itself finds two different values')
        else:
            self._expose(file, sent, values)

    def decide(self):
        """Decide again when somebody was exposed."""
        if not self._decided:
            self._verdict = self._detection.decide(self._table.evidence(),
                                                   self._believed)
            self._decided = True

    def result(self):
        """The verdict with audited files in use and liars exposed."""
        verdict = self._verdict
        if not verdict.contradiction:
            verdict = _settled(verdict, self._first & ~self._believed,
                               self._proofs, self._right)
        return Audited(verdict, len(self._asked), tuple(self._remarks),
                       self._right, wrong=frozenset(self._wrong))

    def _counting(self):
        """The evidence of those who count."""
        return self._table.evidence().without(
            ~self._believed | self._verdict.flagged)

    def _ask(self, file, sent):
        """The server's own value, and who supports it or disagrees."""
        self._asked.add(file)
        values = self._compute(file)
        return values, *self._table.against(file, sent, values)

    def _exposed_with(self, workers):
        """Number of the exposed when some more are."""
        exposed = ~self._believed | self._verdict.exposed
        exposed[workers] = True
        return int(np.count_nonzero(exposed))

    def _expose(self, file, workers, right):
        """Take a file as proof against workers, given its right value."""
        if not workers.size:
            return
        self._wrong.add(file)
        self._believed = self._believed.copy()
        self._believed[workers] = False
        self._proofs += [
            Proof(worker, f'worker {worker} sent for file {file} what the '
                  'server, computing it, does not find', ProofKind.AUDIT,
                  self._located(worker, file, right))
            for worker in workers.tolist()]
        self._decided = False

    def _located(self, worker, file, right):
        """The tensors in which a worker was wrong, where that can be said."""
        if self._locator is None:
            return ()
        dense = self._table.codec.dense
        return self._locator.differences(
            worker, ProofKind.AUDIT, dense(right),
            dense(self._table.values(worker, file)))

    def _remark(self, file, why):
        self._remarks.append(
            f'the audit of file {file} settles nothing: {why}')


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
        mean_is_right=(verdict.mean_is_right
                    or bool(certified[source > DROPPED].all())))
