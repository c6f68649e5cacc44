"""The base of detection rules, and the premise that every rule needs."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from aspis_mpi.arrays import Bools, Ints
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.detection.contradiction import (
    Contradiction, ContradictionKind)
from aspis_mpi.detection.evidence import Evidence, matching_exceeds
from aspis_mpi.detection.tensors import TensorDifference
from aspis_mpi.detection.voting import plurality
from aspis_mpi.words import Named

#: Values of a verdict's `source` that name no worker.
DROPPED, MISSING = -1, -2


class ProofKind(Named):
    """Kinds of proof; logs have the numbers, so that new ones come last."""

    DISAGREEMENTS = 0, ('It disagrees with so many that, were it right, more '
                        'workers would be wrong than can be.')
    AUDIT = 1, 'It sent what the server, computing the file, does not find.'
    SKETCHES = 2, 'Its vector is not what its own sketches add up to.'
    MALFORMED = 3, 'It sent, in the step, what no honest worker sends.'


class Proof(NamedTuple):
    """Reason why a worker must be wrong: a sentence, and the kind of proof.

    Where a right value of its file is at hand, also the tensors in which
    that and what it sent differ the most.
    """

    worker: int
    sentence: str
    kind: ProofKind
    tensors: tuple[TensorDifference, ...] = ()

    @property
    def alone(self) -> bool:
        """True if it needs no bound on how many workers can be wrong."""
        return self.kind is not ProofKind.DISAGREEMENTS


#: Nobody or no file, as long as nobody knows how many there are.
_NOBODY: Bools = np.zeros(0, dtype=bool)


def _by_size() -> Any:
    """Declare flags, none of which is set unless somebody says so."""
    return field(default_factory=lambda: _NOBODY)


@dataclass(frozen=True, eq=False)
class Verdict:
    """A rule's answer: whom it suspects, which values are used.

    Parameters
    ----------
    flagged : ndarray of bool, shape (K,)
    source : ndarray of int16, shape (f,)
        Worker whose value is used, `DROPPED` when no value won, `MISSING`
        when none came.  Of several the lowest-numbered one; where they are
        not equal, the one in their middle.
    contributors : ndarray of bool, shape (f, K)
        The believed workers that sent the value used.
    voted : int
        Contested files that a plurality decided.
    mean_is_right : bool
        All liars are known: the mean of what is used is right.
    contradiction : Contradiction or None
        Why the assumptions cannot hold; None if they can.
    exposed : ndarray of bool, shape (K,)
        Workers that this step's evidence proves wrong.
    proofs : tuple of Proof
        One for each exposed worker, in the order of exposure.
    pairs : tuple of (int, int, str)
        Two workers of which one is wrong, nobody can tell which, and why.
    certified : ndarray of bool, shape (f,)
        A value of the file is right, whatever the liars do.
    presumed : ndarray of bool, shape (f,)
        Nothing speaks against the file's value, and nothing can prove it;
        whether it is used stands in `source`.
    contested : ndarray of bool, shape (f,)
        Believed workers disagree and no value is certified.

    Notes
    -----
    The last five stay empty under rules that give no certificates.  A file
    that is neither certified nor presumed nor contested is missing.
    """

    flagged: Bools
    source: Ints
    contributors: Bools
    voted: int = 0
    mean_is_right: bool = False
    contradiction: Contradiction | None = None
    exposed: Bools = _by_size()
    proofs: tuple[Proof, ...] = ()
    pairs: tuple[tuple[int, int, str], ...] = ()
    certified: Bools = _by_size()
    presumed: Bools = _by_size()
    contested: Bools = _by_size()

    def __post_init__(self) -> None:
        for name, like in (('exposed', self.flagged),
                           ('certified', self.source),
                           ('presumed', self.source),
                           ('contested', self.source)):
            if getattr(self, name) is _NOBODY:
                object.__setattr__(self, name,
                                   np.zeros(len(like), dtype=bool))


class Detector:
    """A rule that turns the evidence of one step into a verdict.

    Parameters
    ----------
    n_adversaries : int
        q: how many workers the server assumes to be wrong, at most.  Where
        some of them are exposed, the rule is made once more for those that
        are left, of which there may be none.
    """

    #: Whether the rule compares replicas, so that files need several.
    compares_replicas = True
    #: Whether files may be decided by majority, which needs odd numbers.
    decides_by_majority = True
    #: Whether its verdicts say which files are right whatever the liars do.
    certifies = False
    #: Whether files may be contested, which audits settle.
    finds_contested = False
    #: Whether files that one worker has are computed again by chance.
    spot_checks = False
    #: Whether it is whole sums that others compute then, to compare the bits.
    recomputes = False
    #: Whether `worst_case` holds whoever is silent: a vote among fewer
    #: replicas may be won by fewer liars.
    bounds_silence = False
    #: How long exposures count, where the job does not say.
    default_memory = 'step'

    def __init__(self, n_adversaries: int):
        self.q = n_adversaries

    @property
    def least_replicas(self) -> int:
        """Workers that each file needs by design."""
        return 1

    def decide(self, evidence: Evidence) -> Verdict:
        """The verdict of this step; nothing is remembered.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        Verdict
        """
        contradiction = self.premise(evidence)
        if contradiction:
            return self.refuse(evidence, contradiction)
        return self.judge(evidence)

    def leave_out(self, evidence: Evidence, workers: Bools) -> Evidence:
        """The evidence without workers (K,) that a proof stands against."""
        return evidence.without(workers)

    def lacking(self, evidence: Evidence) -> Ints:
        """Further replicas that each file needs to be believed, int (f,).

        Asked after the rule has decided; none, where more of them change
        nothing.
        """
        return np.zeros(len(evidence.labels), dtype=int)

    def needed(self, holders: Ints) -> Ints:
        """Replicas that a file needs, above what the collection asks for.

        Parameters
        ----------
        holders : ndarray of int, shape (f,)
            Workers that can send one.

        Returns
        -------
        ndarray of int, shape (f,)
        """
        return np.zeros_like(holders)

    def judge(self, evidence: Evidence) -> Verdict:
        """The rule itself, asked only where the premise holds."""
        raise NotImplementedError

    def worst_case(self, assignment: Assignment) -> int:
        """The most wrong files that q adversaries get used in a step.

        If all replicas come, unless the rule `bounds_silence`.
        """
        raise NotImplementedError

    def premise(self, evidence: Evidence) -> Contradiction | None:
        """The reason why more than q workers must be wrong, or None."""
        reason = non_finite_premise(evidence, self.q)
        if reason is None and matching_exceeds(evidence.disagreements, self.q):
            return Contradiction(
                ContradictionKind.DISAGREEMENTS,
                f'more than q = {self.q} disjoint pairs of workers disagree, '
                f'so more than {self.q} workers are wrong')
        return reason

    def refuse(self, evidence: Evidence,
               contradiction: Contradiction) -> Verdict:
        """The verdict that uses nothing and flags nobody."""
        n_files = len(evidence.labels)
        return Verdict(np.zeros(evidence.n_workers, dtype=bool),
                       np.full(n_files, DROPPED, dtype=np.int16),
                       np.zeros((n_files, evidence.n_workers), dtype=bool),
                       contradiction=contradiction)


def non_finite_premise(evidence: Evidence, q: int) -> Contradiction | None:
    """The reason why non-finite values cannot be lies alone, or None."""
    senders = int(np.count_nonzero(evidence.non_finite))
    if senders <= q:
        return None
    return Contradiction(
        ContradictionKind.NOT_FINITE,
        f'{senders} workers sent values that are not finite, more than '
        f'q = {q}')


def use(evidence: Evidence, believed: Evidence, flagged: Bools,
        mean_is_right: bool = False) -> Verdict:
    """The verdict that takes, of each file, what most believed workers sent.

    Parameters
    ----------
    evidence : Evidence
        Of all workers.
    believed : Evidence
        The same without the workers whose replicas do not count.
    flagged : ndarray of bool, shape (K,)
    mean_is_right : bool

    Returns
    -------
    Verdict
        Ties and files whose winner is not finite are dropped.
    """
    if evidence.labels.shape[1] == 1:
        return _alone(evidence, believed, flagged, mean_is_right)
    winner, _ = plurality(believed.labels)
    wins = (believed.labels == winner[:, None]) & (winner >= 0)[:, None]
    wins &= evidence.finite
    used = wins.any(axis=1)

    best = wins if evidence.support is None else np.where(
        wins, evidence.support, -1.0)
    first = evidence.holders[np.arange(len(wins)), best.argmax(axis=1)]
    absent = np.where(evidence.present.any(axis=1), DROPPED, MISSING)
    source = np.where(used, first, absent).astype(np.int16)

    contributors = np.zeros((len(wins), evidence.n_workers), dtype=bool)
    files, places = np.nonzero(wins)
    contributors[files, evidence.holders[files, places]] = True
    voted = int(np.count_nonzero(used & believed.contested))
    return Verdict(flagged, source, contributors, voted, mean_is_right)


def _alone(evidence: Evidence, believed: Evidence, flagged: Bools,
           mean_is_right: bool) -> Verdict:
    """The same where each file has one holder: nobody votes."""
    holders = evidence.holders[:, 0]
    used = (believed.labels[:, 0] >= 0) & evidence.finite[:, 0]
    source = holders.astype(np.int16)
    if not used.all():
        source[~used] = np.where(evidence.present[~used, 0], DROPPED, MISSING)
    contributors = np.zeros((len(used), evidence.n_workers), dtype=bool)
    contributors[np.flatnonzero(used), holders[used]] = True
    return Verdict(flagged, source, contributors, 0, mean_is_right)
