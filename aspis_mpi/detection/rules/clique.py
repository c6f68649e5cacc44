"""Aspis as published: maximum cliques of the agreement graph."""

from math import comb

import numpy as np

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import Detector, use
from aspis_mpi.detection.covers import unique_cover


class Clique(Detector):
    """Workers outside the one maximum clique of agreement are flagged.

    The honest workers all agree with each other, so they form a clique of
    size K - q at least.  If the maximum clique is unique, everybody outside
    it is flagged; if there are several, nobody is and each file is voted on
    by all its holders.

    Notes
    -----
    This is the published rule with its holes.  *Framing* makes a clique of
    liars the unique maximum, *sacrifice* forces the vote.  The search is
    bounded, see `aspis_mpi.detection.covers`.

    References
    ----------
    Konstantinidis, Ramamoorthy, "Aspis: robust detection for distributed
    learning", arXiv 2108.02416, algorithm 2 and section 4.
    """

    name = 'clique'

    def judge(self, evidence):
        """Unique maximum clique, or plurality over everybody."""
        # Outside a maximum clique are the workers of a smallest vertex
        # cover of D.  One of more than q flags nobody, unique or not.
        flagged = unique_cover(evidence.disagreements, self.q)
        if flagged is None:
            nobody = np.zeros(evidence.n_workers, dtype=bool)
            return use(evidence, evidence, nobody)
        # All unflagged holders of a file agree, so what most of them sent
        # is the first unflagged holder's value.
        return use(evidence, evidence.without(flagged), flagged,
                   mean_is_right=np.count_nonzero(flagged) == self.q)

    def worst_case(self, assignment):
        """The exact number for subsets, an upper bound for other designs."""
        if isinstance(assignment, Subset):
            return max(_framed(assignment, self.q),
                       *(_voted(assignment, self.q, a)
                         for a in range(self.q + 1)))
        return max(assignment.majorities(self.q),
                   assignment.unanimous(max(2 * self.q - 1, 0)))


def _framed(assignment, q):
    """Wrong files when a clique of liars frames q - 1 honest workers.

    All unflagged holders are adversaries; the flagged are at most q - 1,
    or the clique would be no larger than that of the honest.
    """
    r = assignment.replication
    return comb(max(2 * q - 1, 0), r) - comb(max(q - 1, 0), r) if q else 0


def _voted(assignment, q, a):
    """Wrong files of a vote that `a` adversaries force.

    These lie only where the honest holders lie inside a set of `a` honest
    workers, so that they take its place in a second maximum clique; the
    q - a others lie everywhere.
    """
    k, r = assignment.n_workers, assignment.replication
    if q and not a:
        return 0        # all lie everywhere: the honest clique is unique
    total = 0
    for subtle in range(min(a, r) + 1):
        for bold in range(min(q - a, r - subtle) + 1):
            honest = r - subtle - bold
            ways = comb(a, subtle) * comb(q - a, bold)
            inside = comb(min(a, k - q), honest)
            outside = comb(k - q, honest) - inside
            total += ways * inside * (subtle + bold > honest)
            total += ways * outside * (bold > honest + subtle)
    return total
