"""Minimum-diameter averaging."""

import numpy as np

from aspis_mpi.aggregation.weighing import Weighing, evenly

#: The search takes time exponential in the number of wrong rows.
MOST_WRONG = 20


class MinimumDiameter(Weighing):
    """Mean of the n - f files whose largest distance is the least.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.

    Notes
    -----
    f are the files that may be wrong, less than half of those that came.
    Several sets may have that diameter: files come in the order of their
    median distances from the others, and the first set in lexicographic
    order wins.  Not all sets are tried: rows that are further from each
    other than some distance are the edges of a graph, and f rows to leave
    out a vertex cover of it, which takes time O(1.47^f n) to find, for
    O(log n) distances.

    References
    ----------
    El Mhamdi, Guerraoui, Guirguis, Hoang, Rouault, "Genuinely distributed
    Byzantine machine learning", PODC 2020, section 3.2.
    """

    name = 'mda'

    def check(self):
        """See `Aggregator.check`; the search must end, besides."""
        super().check()
        if self.worst_case > MOST_WRONG:
            raise ValueError(
                f"'mda' searches all ways to leave out {self.worst_case} "
                f'rows, which must be at most {MOST_WRONG}: use '
                "'multi-krum', or assume fewer adversaries")

    def least_rows(self, wrong):
        """2f + 1."""
        return 2 * wrong + 1

    def weights(self, squared):
        """Evenly to the set of least diameter."""
        n = len(squared)
        order = np.argsort(np.median(squared, axis=1), kind='stable')
        found = least_diameter(squared[np.ix_(order, order)],
                               self.wrong_of(n))
        return evenly(order[found], n)


def least_diameter(squared, left_out):
    """The set of n - f rows of least diameter, the first of them.

    Parameters
    ----------
    squared : ndarray of float64, shape (n, n)
    left_out : int
        f.

    Returns
    -------
    list of int
        Ascending.
    """
    bounds = np.unique(squared)
    low, high = 0, len(bounds) - 1
    while low < high:
        middle = (low + high) // 2
        fits = has_cover(_graph(squared > bounds[middle]), left_out)
        low, high = (low, middle) if fits else (middle + 1, high)
    return _first_kept(_graph(squared > bounds[low]), left_out)


def has_cover(graph, most):
    """True if so many vertices, at most, touch every edge.

    Parameters
    ----------
    graph : dict of int to int
        The neighbours of each vertex, as bits.
    most : int
    """
    degrees = {v: bits.bit_count() for v, bits in graph.items() if bits}
    if not degrees:
        return most >= 0
    vertex = max(degrees, key=degrees.__getitem__)
    degree = degrees[vertex]
    if most <= 0 or sum(degrees.values()) > 2 * degree * most:
        return False
    # A vertex is in the cover, or all its neighbours are.
    if has_cover(_without(graph, 1 << vertex), most - 1):
        return True
    return degree <= most and has_cover(
        _without(graph, graph[vertex] | 1 << vertex), most - degree)


def _first_kept(graph, most):
    """The first set of all but `most` vertices without an edge inside."""
    n, kept = len(graph), []
    for vertex in range(n):
        if vertex not in graph or len(kept) == n - most:
            continue
        around = graph[vertex]
        rest = _without(graph, around | 1 << vertex)
        allowed = most - (n - len(kept) - len(graph))
        if has_cover(rest, allowed - around.bit_count()):
            kept.append(vertex)
            graph = rest
            continue
        graph = _without(graph, 1 << vertex)
    return kept


def _graph(edges):
    """Neighbours as bits, of a symmetric bool (n, n)."""
    return {i: sum(1 << int(j) for j in np.flatnonzero(row))
            for i, row in enumerate(edges)}


def _without(graph, gone):
    return {v: bits & ~gone for v, bits in graph.items()
            if not gone >> v & 1}
