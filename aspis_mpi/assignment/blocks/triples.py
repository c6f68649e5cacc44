"""Steiner triple systems of Bose and of Skolem: each pair in one triple."""

import numpy as np


def exists(n_workers, replication, shared):
    """True if there is such a system: K = 1 or 3 mod 6, r = 3, lambda = 1."""
    return (replication == 3 and shared == 1 and n_workers >= 7
            and n_workers % 6 in (1, 3))


def blocks(n_workers, replication, shared):
    """The triples, int (K (K - 1)/6, 3).

    Parameters
    ----------
    n_workers, replication, shared : int
        For which `exists` is true.

    References
    ----------
    R. C. Bose, "On the construction of balanced incomplete block designs",
    Annals of Eugenics 9, 1939 (K = 3 mod 6); T. Skolem, "Some remarks on the
    triple systems of Steiner", Mathematica Scandinavica 6, 1958 (K = 1 mod
    6); both as in Lindner and Rodger, "Design theory", chapter 1.

    >>> blocks(7, 3, 1).tolist()[:3]
    [[0, 2, 4], [6, 1, 2], [1, 0, 3]]
    """
    if n_workers % 6 == 3:
        return np.array(_bose(n_workers // 3))
    return np.array(_skolem(n_workers // 6))


def _bose(m):
    """Triples of Z_m x 3, m odd, point (x, i) being number x + i m.

    The three of one x; and x, y of one layer with (x + y)/2 of the next.
    """
    half = (m + 1) // 2
    found = [(x, x + m, x + 2 * m) for x in range(m)]
    for layer in range(3):
        here, above = layer * m, (layer + 1) % 3 * m
        found += [(x + here, y + here, (x + y) * half % m + above)
                  for x in range(m) for y in range(x)]
    return found


def _skolem(n):
    """Triples of Z_2n x 3 and one more point, (x, i) being x + 2 n i.

    x * y halves the sum of x and y as Z_2n can: even sums to 0 ... n - 1, odd
    ones to n ... 2 n - 1.  So x * x = x for the first n only; the others
    meet the point more and the x - n of the next layer.
    """
    m = 2 * n
    more = 3 * m

    def product(x, y):
        total = (x + y) % m
        return total // 2 if total % 2 == 0 else (total - 1) // 2 + n

    found = [(x, x + m, x + 2 * m) for x in range(n)]
    for layer in range(3):
        here, above = layer * m, (layer + 1) % 3 * m
        found += [(more, x + n + here, x + above) for x in range(n)]
        found += [(x + here, y + here, product(x, y) + above)
                  for x in range(m) for y in range(x)]
    return found
