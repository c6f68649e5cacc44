"""Gradient codes that trade stragglers for shorter vectors."""

from typing import Literal

import numpy as np

from aspis_mpi import streams
from aspis_mpi.coding.fixed import FixedCode, clear
from aspis_mpi.coding.structure import cyclic_starts


class YeAbbe(FixedCode):
    """Polynomial code: load = s + copies, any K - s full workers decode.

    Let V, (K-s, K), hold the values of polynomials of degree below K - s at
    one node for each worker.  For file i let B_i, (copies, K-s), end in the
    identity and make B_i V zero at all workers that do not hold the file.
    Worker j sends sum_i (B_i V)[:, j] . parts of g_i; as B_i ends in the
    identity, whoever inverts K - s columns of V reads off the sums of the
    parts.

    Parameters
    ----------
    assignment
        Cyclic: as many files as workers, each on `load` consecutive ones.
    copies : int
        At most `load`.
    nodes : str
        'chebyshev': the Chebyshev nodes, dealt out so that the holders of a
        file have nodes far apart.  'equispaced': nodes in the workers' own
        order.  'gaussian': a random V in place of polynomials.
    seed : int
        Of the random V, at least 0.

    Notes
    -----
    The published Vandermonde matrix is replaced by an orthonormal basis of
    the same polynomials, graded by degree: the same code up to a mixing of
    the parts, and what is left of its ill condition is due to the nodes.
    With s = 6, two copies and random stragglers the largest relative error
    of the sum in float32 (100 draws) was 3e-4 with Chebyshev nodes and 0.15
    with equispaced ones for K = 24; 5e-5 and 5e4, useless, for K = 200.

    References
    ----------
    Ye, Abbe, "Communication-computation efficient gradient coding", ICML
    2018, arXiv 1802.03475, sections 3 and 4 (stability).
    """

    name = 'ye-abbe'

    def __init__(self, assignment, copies, *,
                 nodes: Literal['chebyshev', 'equispaced',
                                'gaussian'] = 'chebyshev', seed: int = 0):
        super().__init__(assignment, copies)
        starts = cyclic_starts(assignment)
        if starts is None:
            raise ValueError("code 'ye-abbe' needs a cyclic assignment: as "
                             'many files as workers, each on consecutive '
                             'workers')
        if nodes not in BASES:
            raise ValueError(f"nodes '{nodes}' must be one of "
                             f'{", ".join(BASES)}')
        if seed < 0:
            raise ValueError(f'seed {seed} must be at least 0')
        n, load = assignment.n_workers, assignment.load
        self.stragglers = load - copies
        # Rows for workers; the last s columns are orthogonal to the code.
        basis = BASES[nodes](n, load, seed)
        self._top = basis[:, n - load:n - load + copies]
        self._null = basis[:, n - load + copies:]
        self._fix(self._weights_of(starts))

    def _weights_of(self, starts):
        """B_i V at the holders of each file, sorted by worker."""
        n, load = starts.size, self.assignment.load
        holders = (starts[:, None] + np.arange(load)) % n
        # What vanishes off the holders and is orthogonal to the null space.
        within = np.linalg.qr(self._null[holders], mode='complete')[0]
        within = within[:, :, self.stragglers:].transpose(0, 2, 1)
        # Scaled so that its leading coefficients are the identity.
        leading = within @ self._top[holders]
        values = np.linalg.solve(leading, within)
        weights = []
        for worker, own in enumerate(self._own):
            place = (worker - starts[own]) % n
            weights.append(np.ascontiguousarray(values[own, :, place]))
        return weights

    def decodable(self, full):
        """True for any K - s full workers."""
        return bool(full.sum() >= full.size - self.stragglers)

    def _combination(self, full):
        """The leading coefficients of polynomials known at `full`."""
        if not self.decodable(full):
            return self._nearest(full)
        return np.array([clear(top, self._null, ~full)
                         for top in self._top.T])


def _chebyshev(n, load, seed):
    """Chebyshev polynomials at their nodes, which are orthogonal there."""
    step = next(step for step in range(max(1, round(n / load)), n + 2)
                if np.gcd(step, n) == 1)
    angles = np.pi * (np.arange(n) * step % n + 0.5) / n
    basis = np.cos(angles[:, None] * np.arange(n))
    return basis / np.linalg.norm(basis, axis=0)


def _equispaced(n, load, seed):
    """Polynomials at nodes in order, orthogonalised one by one (Arnoldi)."""
    nodes = np.linspace(-1, 1, n)
    basis = np.empty((n, n))
    column = np.ones(n)
    for degree in range(n):
        for _ in range(2):
            lower = basis[:, :degree]
            column = column - lower @ (lower.T @ column)
        basis[:, degree] = column / np.linalg.norm(column)
        column = nodes * basis[:, degree]
    return basis


def _gaussian(n, load, seed):
    """A random orthonormal basis."""
    rng = streams.generator(seed, 'ye-abbe code')
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


BASES = {'chebyshev': _chebyshev, 'equispaced': _equispaced,
         'gaussian': _gaussian}
