"""Wrong workers that a graph of disagreements needs, with some known.

If two workers disagree, one of them is wrong: the wrong workers are a
vertex cover of the graph D, and no cover is smaller than a fractional one.
The smallest fractional cover is half a maximum matching of the bipartite
double cover of D (each worker once as a row, once as a column):

    nu(D)  <=  matching of the double cover / 2  <=  tau(D),

nu being the maximum matching of D and tau the smallest cover.  On the left,
an edge of a matching of D is two edges of the double cover; on the right, a
cover of D, taken in rows and in columns, covers the double cover, where no
matching is larger than a cover.  So half of it, rounded up, says at least
as much as nu and never counts a worker too many.  All sizes here are those
of the double cover, *doubled* in what follows, so that they are integers.
"""

import numpy as np

from aspis_mpi import streams
from aspis_mpi.assignment import graphs

#: Ranks are taken modulo this prime; products of two residues fit int64.
PRIME = 2 ** 31 - 1

#: Entries of the small matrices that are reduced at once (cache).
BLOCK = 2 ** 16

#: Random matrices that are drawn; one in 10^6 or less has no inverse.
DRAWS = 20


def partners(graph):
    """A maximum matching of the double cover.

    Parameters
    ----------
    graph : ndarray of bool, shape (n, n)
        Symmetric adjacency without loops.

    Returns
    -------
    ndarray of int, shape (n,)
        The column of each row, -1 where it has none.
    """
    if not graph.any():
        return np.full(len(graph), -1)
    from scipy.sparse import csr_array
    return graphs.matching(csr_array(graph))


def doubled(graph):
    """The size of a maximum matching of the double cover.

    >>> triangle = ~np.eye(3, dtype=bool)
    >>> doubled(triangle)       # one pair, but two workers must be wrong
    3
    """
    return int(np.count_nonzero(partners(graph) >= 0))


def doubled_cover(graph):
    """A smallest fractional vertex cover, times two (Koenig).

    Parameters
    ----------
    graph : ndarray of bool, shape (n, n)
        Symmetric adjacency without loops.

    Returns
    -------
    ndarray of int, shape (n,)
        0, 1 or 2 for each vertex, at least 2 over the ends of each edge;
        the sum is `doubled(graph)`.
    """
    partner = partners(graph)
    row_of = np.full(len(graph), -1)
    matched = np.flatnonzero(partner >= 0)
    row_of[partner[matched]] = matched

    # What alternating paths reach from rows without a partner.
    rows = partner < 0
    columns = np.zeros(len(graph), dtype=bool)
    fresh = rows
    while fresh.any():
        found = graph[fresh].any(axis=0) & ~columns
        columns |= found
        fresh = np.zeros_like(rows)
        fresh[row_of[found]] = True
        rows = rows | fresh
    return (~rows).astype(int) + columns


def pairs(graph):
    """A maximum matching of the graph itself, a set of pairs (blossoms).

    Parameters
    ----------
    graph : ndarray of bool, shape (n, n)
        Symmetric adjacency without loops.
    """
    if not graph.any():
        return set()
    import networkx as nx
    return nx.max_weight_matching(nx.from_numpy_array(graph), True)


def unmatched(graph):
    """Vertices that a maximum matching of the graph itself leaves, (n,).

    One of each pair is wrong, so among these fewer are.

    Parameters
    ----------
    graph : ndarray of bool, shape (n, n)
        Symmetric adjacency without loops.
    """
    left = np.ones(len(graph), dtype=bool)
    left[[worker for pair in pairs(graph) for worker in pair]] = False
    return left


def doubled_without(graph, sets):
    """`doubled` of what is left of a graph, for many small sets of vertices.

    Parameters
    ----------
    graph : ndarray of bool, shape (n, n)
        Symmetric adjacency without loops.
    sets : ndarray of int, shape (m, r)
        Vertices that are taken out, each set without repetitions, padded
        with -1.

    Returns
    -------
    ndarray of int, shape (m,)
        Never more than the truth, and less with a probability of at most
        about 1e-6 for each set.

    Notes
    -----
    Let M have random entries modulo a prime where the graph has edges.  Its
    rank is the matching of the double cover, and never more.  Let rows I
    and columns J be a matching, so that M[I, J] is invertible: bordered by
    unit vectors for the other rows and columns, M has an inverse Q, and by
    the nullity theorem

        rank(M without S) = rank(M) - 2 |S| + rank([[A_SS, B_S], [C_S, 0]])

    with blocks of Q.  Multiplying B and C by random matrices with r columns
    and rows keeps the rank, which leaves matrices of order 2 r.  The time
    is O(n^3 + m r^3).

    References
    ----------
    Lovasz, "On determinants, matchings and random algorithms", 1979;
    Fiedler, Markham, "Completing a matrix when certain entries of its
    inverse are specified", 1986 (the nullity theorem).
    """
    width = sets.shape[1]
    size, corner, right, below = _inverse_blocks(graph, width)
    left = np.empty(len(sets), dtype=int)
    step = max(1, BLOCK // (4 * width * width))
    for start in range(0, len(sets), step):
        # The last row and column, all zero, stand for the padding.
        chosen = sets[start:start + step]
        blocks = np.zeros((len(chosen), 2 * width, 2 * width), dtype=np.int64)
        blocks[:, :width, :width] = corner[chosen[:, :, None],
                                           chosen[:, None, :]]
        blocks[:, :width, width:] = right[chosen]
        blocks[:, width:, :width] = below[chosen].swapaxes(1, 2)
        left[start:start + step] = _ranks(blocks)
    return size - 2 * (sets >= 0).sum(axis=1) + left


def _inverse_blocks(graph, width):
    """The rank of M, and blocks of the inverse of M with its border.

    Returns
    -------
    size : int
    corner : ndarray of int64, shape (n + 1, n + 1)
        A; row and column n are zero.
    right, below : ndarray of int64, shape (n + 1, width)
        B and the transpose of C, multiplied by random matrices.
    """
    n = len(graph)
    partner = partners(graph)
    rows, columns = np.flatnonzero(partner >= 0), partner[partner >= 0]
    others = np.flatnonzero(partner < 0)
    left_out = np.setdiff1d(np.arange(n), columns)

    # Guessing these numbers helps a liar to lose certificates, no more.
    rng = streams.generator(0, 'detection', 'matching')
    matrix, inverse = _invertible(graph, rows, columns, rng)

    corner = np.zeros((n + 1, n + 1), dtype=np.int64)
    corner[np.ix_(columns, rows)] = inverse
    mixed = rng.integers(1, PRIME, (2, others.size, width))
    right = np.zeros((n + 1, width), dtype=np.int64)
    right[left_out] = mixed[0]
    right[columns] = -_product(inverse, _product(
        matrix[np.ix_(rows, left_out)], mixed[0])) % PRIME
    below = np.zeros((n + 1, width), dtype=np.int64)
    below[others] = mixed[1]
    below[rows] = -_product(inverse.T, _product(
        matrix[np.ix_(others, columns)].T, mixed[1])) % PRIME
    return rows.size, corner, right, below


def _invertible(graph, rows, columns, rng):
    """Random entries where the graph has edges, and a block's inverse."""
    for _ in range(DRAWS):
        matrix = rng.integers(1, PRIME, graph.shape) * graph
        inverse = _inverse(matrix[np.ix_(rows, columns)])
        if inverse is not None:
            return matrix, inverse
    import scipy
    raise ArithmeticError(
        f'none of {DRAWS} random matrices has an inverse where scipy '
        f'{scipy.__version__} found a matching: use another version of it')


def _product(a, b):
    """a @ b modulo the prime, without overflow."""
    high, low = a >> 16, a & 0xffff
    return ((high @ b % PRIME << 16) + low @ b % PRIME) % PRIME


def _inverse(matrix):
    """The inverse modulo the prime, None where a pivot is zero.

    The diagonal is a matching, so that no leading minor of random entries
    is zero but by chance: no pivot is searched.
    """
    left = matrix.copy()
    for k in range(len(left)):
        if not left[k, k]:
            return None
        pivot = pow(int(left[k, k]), -1, PRIME)
        left[k, k] = 1
        left[k] = left[k] * pivot % PRIME
        factors = left[:, k].copy()
        factors[k] = 0
        left[factors != 0, k] = 0
        left = (left - factors[:, None] * left[k]) % PRIME
    return left


def _ranks(blocks):
    """Ranks modulo the prime of many small matrices, (m,)."""
    ranks = np.zeros(len(blocks), dtype=int)
    every = np.arange(len(blocks))
    while blocks.shape[2]:
        # Crosswise: the pivot's row itself becomes zero, and so is used up.
        factors = blocks[:, :, 0]
        found = factors.argmax(axis=1)
        pivot = factors[every, found]
        ranks += pivot > 0
        blocks = (blocks[:, :, 1:] * np.maximum(pivot, 1)[:, None, None]
                  - factors[:, :, None]
                  * blocks[every, found, None, 1:]) % PRIME
    return ranks
