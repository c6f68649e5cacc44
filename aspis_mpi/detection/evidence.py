"""The testimony of a step's replicas about each other."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from aspis_mpi.arrays import Bools, Floats, Ints
from aspis_mpi.detection.matching import doubled, pairs


@dataclass(frozen=True, eq=False)
class Evidence:
    """The replicas of one step, reduced to who agrees with whom.

    Parameters
    ----------
    holders : ndarray of int32, shape (f, r)
        Workers of each file, ascending, padded with -1.
    labels : ndarray of int16, shape (f, r)
        Replicas of one file that support each other carry one label;
        -1 where no replica came.
    finite : ndarray of bool, shape (f, r)
        Whether the replica holds finite numbers only.
    n_workers : int
        K.
    close : ndarray of bool, shape (f, r, r), optional
        Pairs of replicas of a file that carry different labels and still do
        not disagree; symmetric.  None: there are none.
    known : ndarray of bool, shape (K, K), optional
        Disagreements known from elsewhere, such as earlier steps; symmetric.
    support : ndarray of float64, shape (f, r), optional
        How much of each replica others of its label bear out: the one with
        the most is the middle.  None: those of a label are equal.

    Notes
    -----
    A close pair is no evidence against anybody, and no support either.
    """

    holders: Ints
    labels: Ints
    finite: Bools
    n_workers: int
    close: Bools | None = None
    known: Bools | None = None
    support: Floats | None = None

    @cached_property
    def present(self) -> Bools:
        """Replicas that came, bool (f, r)."""
        return self.labels >= 0

    @cached_property
    def non_finite(self) -> Bools:
        """Workers that sent a value that is not finite, bool (K,)."""
        chosen = np.zeros(self.n_workers, dtype=bool)
        if not self.finite.all():
            chosen[self.holders[self.present & ~self.finite]] = True
        return chosen

    @cached_property
    def contested(self) -> Bools:
        """Files whose replicas carry different labels, bool (f,)."""
        if self.labels.shape[1] == 1:
            return np.zeros(len(self.labels), dtype=bool)
        top = self.labels.max(axis=1, keepdims=True)
        return (self.present & (self.labels != top)).any(axis=1)

    @cached_property
    def disputed(self) -> Bools:
        """Files of which two replicas disagree, bool (f,)."""
        if self.close is None:
            return self.contested
        here = self.present[:, :, None] & self.present[:, None]
        differ = self.labels[:, :, None] != self.labels[:, None]
        return (here & differ & ~self.close).any(axis=(1, 2))

    @cached_property
    def disagreements(self) -> Bools:
        """The graph D as a symmetric bool matrix, (K, K)."""
        return self.seen if self.known is None else self.seen | self.known

    @cached_property
    def seen(self) -> Bools:
        """The part of D that these replicas show, (K, K)."""
        graph = np.zeros((self.n_workers, self.n_workers), dtype=bool)
        rows = np.flatnonzero(self.contested)
        if not rows.size:
            return graph
        holders, labels = self.holders[rows], self.labels[rows]
        for a in range(holders.shape[1]):
            for b in range(a):
                differ = ((labels[:, a] != labels[:, b])
                          & (labels[:, a] >= 0) & (labels[:, b] >= 0))
                if self.close is not None:
                    differ &= ~self.close[rows, a, b]
                graph[holders[differ, a], holders[differ, b]] = True
        return graph | graph.T

    def without(self, workers: Bools) -> 'Evidence':
        """The evidence that remains when some workers are not believed.

        Parameters
        ----------
        workers : ndarray of bool, shape (K,)

        Returns
        -------
        Evidence
        """
        if not workers.any():
            return self
        held = np.where(self.holders >= 0, workers[self.holders], False)
        close, known = self.close, self.known
        if close is not None:
            close = close & ~(held[:, :, None] | held[:, None])
        if known is not None:
            known = known & ~(workers[:, None] | workers)
        return replace(self, labels=np.where(held, -1, self.labels),
                       close=close, known=known)

    def disregarding(self, workers: Bools) -> 'Evidence':
        """The evidence in which what some workers sent supports nothing.

        Unlike `without`, this keeps their disagreements, which are facts;
        their replicas are still to come.

        Parameters
        ----------
        workers : ndarray of bool, shape (K,)

        Returns
        -------
        Evidence
        """
        if not workers.any():
            return self
        return replace(self.without(workers), known=self.disagreements)


def matching_exceeds(graph: Bools, bound: int) -> bool:
    """True where a maximum matching of an undirected graph is above `bound`.

    Parameters
    ----------
    graph : ndarray of bool, shape (n, n)
        Symmetric adjacency.
    bound : int

    Notes
    -----
    Every matching gives twice as many edges in the bipartite double cover,
    whose maximum matching is found at once; only when that leaves the
    question open the blossom algorithm answers it, in O(n^3).
    """
    return doubled(graph) // 2 > bound and len(pairs(graph)) > bound
