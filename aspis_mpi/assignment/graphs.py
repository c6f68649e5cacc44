"""Algorithms on sparse graphs, as every version of scipy computes them.

Those of scipy know indices of 32 bits.  Since 1.15 they convert others;
before, one raises and another answers that a graph has no components.  A
`csr_array` keeps the width that it is given, and numpy's own indices (of
`nonzero`, of `arange`) have 64 bits.
"""

from importlib import import_module

import numpy as np

#: What such algorithms are written in, here and elsewhere: imported where it
#: is called, as most ranks never do, and it takes as long as all the rest.
LIBRARIES = 'networkx', 'scipy.sparse.csgraph'


def load():
    """Import these libraries now, so that nothing has to later."""
    for name in LIBRARIES:
        import_module(name)


def matching(graph):
    """A maximum matching of rows and columns.

    Parameters
    ----------
    graph : csr_array, shape (m, n)
        An entry for each row and column that may be paired.

    Returns
    -------
    ndarray of int32, shape (m,)
        The column of each row, -1 where it has none.

    >>> from scipy.sparse import csr_array
    >>> matching(csr_array([[1, 1], [1, 0]])).tolist()
    [1, 0]
    """
    from scipy.sparse import csgraph
    return csgraph.maximum_bipartite_matching(_narrow(graph),
                                              perm_type='column')


def is_connected(graph):
    """True if all vertices hang together, whichever way the edges point.

    Parameters
    ----------
    graph : csr_array, shape (n, n)
    """
    from scipy.sparse import csgraph
    return csgraph.connected_components(_narrow(graph), directed=False,
                                        return_labels=False) == 1


def flow(graph):
    """A largest flow from the first vertex to the last.

    Parameters
    ----------
    graph : csr_array of int32, shape (n, n)
        Capacities.

    Returns
    -------
    value : int
    flow : csr_array, shape (n, n)
        With its negative on the way back.
    """
    from scipy.sparse import csgraph
    found = csgraph.maximum_flow(_narrow(graph), 0, graph.shape[0] - 1)
    return found.flow_value, found.flow


def _narrow(graph):
    """A graph, after its indices have been given 32 bits in place."""
    graph.indices = graph.indices.astype(np.int32, copy=False)
    graph.indptr = graph.indptr.astype(np.int32, copy=False)
    return graph
