"""The smallest vertex cover of a graph, if it is small and the only one.

What a smallest vertex cover of the disagreements leaves is a largest clique
of the agreement graph.  Searching for the cover is bounded by its size
where listing cliques is not: a matching of n pairs has 2^n largest cliques.
"""

import numpy as np

from aspis_mpi.detection.matching import doubled

#: Vertex covers searched in one step at most; see `unique_cover`.
MOST_NODES = 20_000


class _TooHard(Exception):
    """A search that has visited more graphs than it may."""


def unique_cover(graph, budget):
    """The smallest vertex cover of a graph, if it is the only one.

    Parameters
    ----------
    graph : ndarray of bool, shape (n, n)
        Symmetric adjacency without loops.
    budget : int
        The most vertices that the cover may have.

    Returns
    -------
    ndarray of bool, shape (n,), or None
        None where every cover is larger than `budget`, where several are
        smallest, or where `MOST_NODES` subgraphs do not answer the question.

    Notes
    -----
    Branches on a vertex of largest degree, component by component: either
    it is in the cover, or all its neighbours are.  A subgraph is given up
    when its fractional cover is above the budget, so that the number of
    subgraphs grows with the excess of the smallest cover above the
    fractional one, at most 2^budget.
    """
    search = _Search(graph)
    try:
        found = search.smallest(search.everything, budget)
    except _TooHard:
        return None
    if found is None or not found[1]:
        return None
    return np.array([bool(found[2] >> vertex & 1)
                     for vertex in range(len(graph))], dtype=bool)


class _Search:
    """Subgraphs of one graph as bits of an integer, and what is known."""

    def __init__(self, graph):
        self.graph = graph
        self.near = [sum(1 << int(other) for other in np.flatnonzero(row))
                     for row in graph]
        self.everything = (1 << len(graph)) - 1
        self.known, self.too_large = {}, {}
        self.visited = 0

    def smallest(self, vertices, budget):
        """(size, whether it is unique, cover), None above the budget."""
        size, unique, cover = 0, True, 0
        parts = self._components(vertices)
        least = [self._least(part) for part in parts]
        spare = budget - sum(least)
        for part, bound in zip(parts, least):
            if spare < 0:
                return None
            found = self._connected(part, bound, bound + spare)
            if found is None:
                return None
            spare -= found[0] - bound
            size, unique = size + found[0], unique and found[1]
            cover |= found[2]
        return (size, unique, cover) if spare >= 0 else None

    def _connected(self, part, bound, budget):
        """The same for a component, of which `bound` are needed.

        What is known already may be above the budget.
        """
        if part in self.known:
            return self.known[part]
        # A tight budget prunes best, so it grows from what is needed.
        for size in range(max(bound, self.too_large.get(part, -1) + 1),
                          budget + 1):
            found = self._branch(part, size)
            if found is not None:
                self.known[part] = found
                return found
            self.too_large[part] = size
        return None

    def _branch(self, part, budget):
        self.visited += 1
        if self.visited > MOST_NODES:
            raise _TooHard
        vertex = max(_members(part),
                     key=lambda v: (self.near[v] & part).bit_count())
        near = self.near[vertex] & part
        degree = near.bit_count()

        # Disjoint choices: a cover has the vertex, or has its neighbours.
        inside = self.smallest(part & ~(1 << vertex), budget - 1)
        most = budget if inside is None else inside[0] + 1
        outside = self.smallest(part & ~near & ~(1 << vertex), most - degree)
        if outside is not None:
            size, unique, cover = outside
            tied = inside is not None and size + degree == inside[0] + 1
            return size + degree, unique and not tied, cover | near
        if inside is None:
            return None
        return inside[0] + 1, inside[1], inside[2] | 1 << vertex

    def _components(self, vertices):
        """Components with at least one edge."""
        parts = []
        while vertices:
            part, fresh = 0, vertices & -vertices
            while fresh:
                part |= fresh
                reached = 0
                for vertex in _members(fresh):
                    reached |= self.near[vertex]
                fresh = reached & vertices & ~part
            vertices &= ~part
            if part & (part - 1):
                parts.append(part)
        return parts

    def _least(self, part):
        """As many vertices as any cover has, by the fractional one."""
        if part in self.known:
            return self.known[part][0]
        rows = list(_members(part))
        return (doubled(self.graph[np.ix_(rows, rows)]) + 1) // 2


def _members(vertices):
    """Numbers of the bits that are set, ascending."""
    while vertices:
        low = vertices & -vertices
        yield low.bit_length() - 1
        vertices ^= low
