"""Affine and projective planes over the integers modulo a prime."""

from itertools import product

import numpy as np

from aspis_mpi.assignment.existence import is_prime


def exists(n_workers, replication, shared):
    """True for K = r^2, r prime, and for K = p^2 + p + 1, r = p + 1."""
    return shared == 1 and (_is_affine(n_workers, replication)
                            or _is_projective(n_workers, replication))


def blocks(n_workers, replication, shared):
    """The lines of a plane whose points are the workers, int (f, r).

    Parameters
    ----------
    n_workers, replication, shared : int
        For which `exists` is true.

    Notes
    -----
    Two points have one line in common.  Lines of the affine plane over GF(p)
    are y = a x + b and x = c, its points (x, y) the numbers p x + y.  The
    projective one has a point more for each direction, on all lines of
    this direction, and a line of these p + 1 points.

    >>> blocks(4, 2, 1).tolist()
    [[0, 2], [1, 3], [0, 3], [1, 2], [0, 1], [2, 3]]
    >>> blocks(7, 3, 1).shape
    (7, 3)
    """
    p = _order(n_workers, replication)
    lines = [[p * x + (a * x + b) % p for x in range(p)]
             for a, b in product(range(p), repeat=2)]
    lines += [[p * c + y for y in range(p)] for c in range(p)]
    if _is_affine(n_workers, replication):
        return np.array(lines)
    directions = p * p + np.arange(p + 1)
    lines = np.column_stack([lines, np.repeat(directions, p)])
    return np.vstack([lines, directions])


def _order(n_workers, replication):
    """The p of a plane."""
    return replication - (not _is_affine(n_workers, replication))


def _is_affine(n_workers, replication):
    return n_workers == replication ** 2 and is_prime(replication)


def _is_projective(n_workers, replication):
    p = replication - 1
    return n_workers == p * p + p + 1 and is_prime(p)
