"""Believe only what q liars cannot have made up."""

from dataclasses import replace

import numpy as np

from aspis_mpi.detection.base import (
    DROPPED, MISSING, Detector, Proof, ProofKind, non_finite_premise, use)
from aspis_mpi.detection.contradiction import (
    Contradiction, ContradictionKind)
from aspis_mpi.detection.matching import (
    doubled, doubled_cover, doubled_without)


class Certified(Detector):
    """Use values that q liars cannot fake, expose who needs too many.

    Let D be the graph of disagreements and nu a lower bound for the wrong
    workers that a graph needs (see `matching`).  If all supporters S of a
    value are wrong, so are nu(D - S) others: a value with
    |S| + nu(D - S) > q is *certified*.  If a worker w is right, its partners
    N(w) are wrong: a worker with |N(w)| + nu(D - N(w)) > q is *exposed*.  It
    leaves D, q becomes one less, and the test is repeated.

    Parameters
    ----------
    n_adversaries : int
        q.
    presume_below : float
        Files without a certificate whose holders all replied and agree are
        used only in a step in which a smaller share of the files than this
        is certified.

    Notes
    -----
    With at most q wrong workers no certified value is wrong and no honest
    worker is exposed, whatever is sent or withheld; a wrong presumed value
    is one of a file all of whose holders are wrong.  A step takes seldom
    more than K matchings of O(E sqrt(K)), K^2 at the worst, and one inverse
    of order K (see `matching.doubled_without`).

    A worker that is exposed already must have left the evidence with its
    place among the holders (`without_holders`), and q must be lower by one.
    """

    name = 'certified'
    decides_by_majority = False
    certifies = finds_contested = True
    bounds_silence = True
    default_memory = 'forever'

    def __init__(self, n_adversaries, *, presume_below: float = 0.05):
        super().__init__(n_adversaries)
        if not 0 <= presume_below <= 1:
            raise ValueError(f'presume_below {presume_below} must be between '
                             '0 and 1')
        self.presume_below = presume_below

    def leave_out(self, evidence, workers):
        """The evidence as if they had never been asked for anything."""
        return without_holders(evidence, workers)

    def premise(self, evidence):
        """The reason why more than q workers must be wrong, or None."""
        return _premise(evidence, self.q)

    def judge(self, evidence):
        """Expose, certify with what is left, then presume or drop."""
        exposed, proofs = expose(evidence.disagreements, self.q)
        left = self.q - len(proofs)
        believed = without_holders(evidence, exposed)
        reason = _premise(believed, left)
        if reason is not None:
            return self.refuse(evidence, _besides(proofs, reason))

        # No file has two certified values that disagree: B would be among
        # the partners of a supporter of A, who would have been exposed.
        right = certificates(believed, left)
        reason = _divergence(believed, right)
        if reason is not None:
            return self.refuse(evidence, _besides(proofs, reason))
        return self._verdict(evidence, believed, right, exposed, proofs)

    def _verdict(self, evidence, believed, right, exposed, proofs):
        """The verdict where nothing contradicts the premise."""
        certified = right.any(axis=1)
        asked, came = believed.holders >= 0, believed.present
        contested = ~certified & believed.contested
        complete = asked.any(axis=1) & (came == asked).all(axis=1)
        presumed = ~certified & ~contested & complete
        missing = ~(certified | contested | complete)

        # Of certified values, that of the lowest-numbered supporter is used.
        trusted = np.take_along_axis(right, believed.labels, axis=1) & came
        if certified.mean() < self.presume_below:
            trusted |= presumed[:, None] & came
        label = np.take_along_axis(
            believed.labels, trusted.argmax(axis=1)[:, None], axis=1)
        counts = trusted & (believed.labels == label)
        verdict = use(evidence, replace(believed, labels=np.where(
            counts, believed.labels, -1)), exposed)

        # Nothing believable came, but somebody believable was asked.
        absent = missing & (asked & ~came).any(axis=1)
        source = np.where(absent, MISSING, verdict.source).astype(np.int16)
        return replace(
            verdict, source=source, exposed=exposed, proofs=proofs,
            certified=certified, presumed=presumed, contested=contested,
            mean_is_right=bool(certified[source > DROPPED].all()))

    def lacking(self, evidence):
        """The fewest further supporters that could certify each file."""
        strength = doubled_strength(evidence).max(axis=1)
        return np.maximum((2 * self.q + 2 - strength) // 2, 0)

    def needed(self, holders):
        """One more than can be wrong; all where there are not so many."""
        return np.minimum(self.q + 1, holders)

    def worst_case(self, assignment):
        """Files all of whose holders are among q workers; 0 for q < r."""
        return assignment.unanimous(self.q)


def expose(graph, q):
    """Workers that cannot be right, as more than q others would be wrong.

    Parameters
    ----------
    graph : ndarray of bool, shape (K, K)
        Who disagrees with whom.
    q : int
        How many workers can be wrong.

    Returns
    -------
    exposed : ndarray of bool, shape (K,)
    proofs : tuple of Proof
        One for each exposed worker, in the order of exposure.

    Notes
    -----
    The order does not matter: a cover of D without w that spares v is, with
    w, a cover of D that spares v.  So what exposes v before w has left
    exposes it afterwards.
    """
    rest, left = graph.copy(), q
    exposed, proofs = np.zeros(len(graph), dtype=bool), []
    suspects = _suspects(rest, left)
    while suspects.size:
        before = len(proofs)
        for worker in suspects:
            others = np.flatnonzero(~rest[worker] & rest.any(axis=1))
            partners = int(rest[worker].sum())
            covering = partners if partners > left else partners + (
                doubled(rest[np.ix_(others, others)]) + 1) // 2
            if covering <= left:
                continue
            proofs.append(Proof(int(worker), (
                f'worker {worker} disagrees with {partners} workers; were it '
                f'right, {covering} would be wrong, more than {left}'),
                ProofKind.DISAGREEMENTS))
            exposed[worker] = True
            rest[worker] = rest[:, worker] = False
            left -= 1
        # Who was spared may be exposed now that fewer liars are left.
        spared = len(proofs) == before
        suspects = suspects[:0] if spared else _suspects(rest, left)
    return exposed, tuple(proofs)


def _suspects(graph, q):
    """Workers whose exposure one fractional cover does not rule out."""
    # N(w), with what the cover y takes elsewhere, is a cover that spares w.
    cover, edges = doubled_cover(graph), graph.astype(int)
    sparing = cover.sum() - cover - edges @ cover + 2 * edges.sum(axis=1)
    suspects = np.flatnonzero(graph.any(axis=1) & (sparing > 2 * q))
    return suspects[np.argsort(-edges[suspects].sum(axis=1), kind='stable')]


def certificates(evidence, q):
    """Values that are right whatever q liars do; nobody is exposed first.

    Parameters
    ----------
    evidence : Evidence
    q : int
        How many of the workers in it can be wrong, at least 0.

    Returns
    -------
    ndarray of bool, shape (f, r)
        Entry (i, k): the value of file i that carries label k is certified.
    """
    supports, size = _supports(evidence)
    right = size > q

    # Without S at most |S| fewer wrong workers are needed, never more.
    graph = evidence.disagreements
    open_ = (size > 0) & ~right & (2 * size + doubled(graph) > 2 * q)
    if open_.any():
        holders = evidence.holders[np.nonzero(open_)[0]]
        sets = np.where(supports[open_], holders, -1)
        needed = 2 * size[open_] + doubled_without(graph, sets)
        right[open_] = needed > 2 * q
    return right


def doubled_strength(evidence):
    """2 (|S| + nu(D - S)) for the supporters S of each value.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    ndarray of int, shape (f, r)
        A value is certified where this is above 2 q.
    """
    supports, size = _supports(evidence)
    holders = np.broadcast_to(evidence.holders[:, None], supports.shape)
    sets = np.where(supports, holders, -1).reshape(-1, size.shape[1])
    left = doubled_without(evidence.disagreements, sets)
    return 2 * size + left.reshape(size.shape)


def _supports(evidence):
    """Supporters of each value, (f, r, r), and their number, (f, r)."""
    n_labels = evidence.labels.shape[1]
    supports = evidence.labels[:, None] == np.arange(n_labels)[:, None]
    return supports, supports.sum(axis=2)


def without_holders(evidence, workers):
    """The evidence as if some workers had never been asked for anything.

    Unlike `Evidence.without`, this does not leave replicas to wait for.

    Parameters
    ----------
    evidence : Evidence
    workers : ndarray of bool, shape (K,)

    Returns
    -------
    Evidence
        The places of these workers among the holders are -1.
    """
    gone = (evidence.holders >= 0) & workers[evidence.holders]
    return replace(evidence.without(workers),
                   holders=np.where(gone, -1, evidence.holders))


def _premise(evidence, q):
    """The reason why more than q workers must be wrong, or None."""
    if q < 0:
        return Contradiction(
            ContradictionKind.EXPOSED,
            f'{-q} workers more are exposed than can be wrong')
    reason = non_finite_premise(evidence, q)
    wrong = (doubled(evidence.disagreements) + 1) // 2
    if reason is None and wrong > q:
        return Contradiction(
            ContradictionKind.DISAGREEMENTS,
            f'the disagreements need at least {wrong} wrong workers, more '
            f'than q = {q}')
    return reason


def _besides(proofs, reason):
    """The same reason, which also tells how many were exposed before."""
    if not proofs:
        return reason
    return reason._replace(
        text=f'besides {len(proofs)} exposed workers: {reason.text}')


def _divergence(evidence, right):
    """The reason why the honest workers sent no number, or None."""
    trusted = np.take_along_axis(right, evidence.labels, axis=1)
    trusted &= evidence.present
    diverged = np.flatnonzero((trusted & ~evidence.finite).any(axis=1))
    if not diverged.size:
        return None
    return Contradiction(
        ContradictionKind.NOT_FINITE,
        f'the value of file {diverged[0]} is not finite, though more workers '
        'sent it than can be wrong')
