"""Gradient codes from cyclic MDS codes: every worker's weights are equal."""

from math import gcd

import numpy as np

from aspis_mpi.coding.code import check_whole
from aspis_mpi.coding.fixed import FixedCode, clear
from aspis_mpi.coding.structure import cyclic_starts


class Raviv(FixedCode):
    """Circulant weights: the generator polynomial of a cyclic MDS code.

    The code of length K has the roots w^(a+1), ..., w^(a+s) for s = load-1
    and a primitive K-th root of unity w, but not 1, so that it holds the
    vector of ones.  The weights are real when the roots are closed under
    conjugation: consecutive powers around K/2, which exist only if K - s is
    odd.  Any K - s full workers are enough.

    Parameters
    ----------
    assignment
        Cyclic: as many files as workers, each on `load` consecutive ones.
    copies : int
        Must be 1.
    root : int or None
        w = exp(2 pi i root/K), coprime to K.  The default spreads the roots
        so that the weights g are nearest to a plain sum: the least
        |g| / sum g.

    Notes
    -----
    Stragglers `root`^-1 mod K apart are the worst, with `root` 1 those are
    neighbours.  For K = 200, s = 7 the relative error of the sum in float32
    has the median 10^-7 over random stragglers and a heavy tail (4e-4 in
    100 draws), whatever the root; for s neighbours it is 31, useless, with
    root 1 and 4e-8 with the default, 73.

    References
    ----------
    Raviv, Tamo, Tandon, Dimakis, "Gradient coding from cyclic MDS codes and
    expander graphs", ICML 2018, arXiv 1707.03858, section 4.
    """

    name = 'raviv'

    def __init__(self, assignment, copies, *, root: int | None = None):
        super().__init__(assignment, copies)
        check_whole(copies, self.name)
        starts = cyclic_starts(assignment)
        if starts is None:
            raise ValueError("code 'raviv' needs a cyclic assignment: as "
                             'many files as workers, each on consecutive '
                             'workers')
        n, s = assignment.n_workers, assignment.load - 1
        if (n - s) % 2 == 0:
            # As many files as workers: a worker has as many files as a file
            # has workers, whatever the option is called.
            key = assignment.replicated_by or 'load'
            raise ValueError(f'{key} {s + 1} of {n} workers has no real '
                             f"code 'raviv': K - {key} = {n - s - 1} must be "
                             f'even; {assignment.way_out}')
        if root is not None and gcd(root, n) != 1:
            raise ValueError(f'root {root} must be coprime to the number of '
                             f'workers, {n}')
        self.stragglers = s
        # The power of exp(2 pi i/K): one of K is none.
        self.root = _spread(n, s) if root is None else root % n
        polynomial = _generator(n, s, self.root)
        self._fix([polynomial[(worker - starts[own]) % n][:, None]
                   for worker, own in enumerate(self._own)])
        self._null = _null_space(n, s, self.root)
        self._even = np.full(n, 1 / polynomial.sum())

    def decodable(self, full):
        """True for any K - s full workers."""
        return bool(full.sum() >= full.size - self.stragglers)

    def _combination(self, full):
        """Equal weights for all, moved until the missing ones have none."""
        if not self.decodable(full):
            return self._nearest(full)
        return clear(self._even, self._null, ~full)[None]


def _powers(n, s):
    """s consecutive powers around n/2."""
    return (n - s + 1) // 2 + np.arange(s)


def _generator(n, s, root):
    """Coefficients of the polynomial with the code's s roots, real."""
    roots = np.exp(2j * np.pi * (root * _powers(n, s) % n) / n)
    return np.atleast_1d(np.poly(roots)).real


def _spread(n, s):
    """The root of unity with the most even weights, the smallest of them."""
    best, least = 1, np.inf
    for root in range(1, n // 2 + 1):
        if gcd(root, n) == 1:
            weights = _generator(n, s, root)
            uneven = np.linalg.norm(weights) / abs(weights.sum())
            if uneven < (1 - 1e-9) * least:
                best, least = root, uneven
    return best


def _null_space(n, s, root):
    """Orthonormal a with a B = 0: the Fourier vectors of the roots."""
    powers = _powers(n, s)
    powers = powers[2 * powers <= n]
    angles = 2 * np.pi / n * (np.outer(np.arange(n), root * powers) % n)
    waves = np.hstack([np.cos(angles), np.sin(angles)[:, 2 * powers < n]])
    return waves / np.linalg.norm(waves, axis=0)
