"""Lies as far from the mean gradient as true ones are from each other."""

from typing import Literal

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.aggregation.distances import squared
from aspis_mpi.aggregation.rows import Rows
from aspis_mpi.arrays import Floats, Vector
from aspis_mpi.attacks.colluding import BLOCK, Colluding


class Displaced(Colluding):
    """The mean gradient, moved as far as it goes without standing out.

    Parameters
    ----------
    seed
        See `Value`.
    direction : str
        In which it is moved: against itself ('unit'), against the standard
        deviations ('std'), against its signs ('sign').
    sample : int
        Number of files, at least 2: one file has no distances.

    Notes
    -----
    The paper finds the length of the move, gamma, by halving steps; it is
    the root of a quadratic equation.

    References
    ----------
    Shejwalkar, Houmansadr, "Manipulating the Byzantine: optimizing model
    poisoning attacks and defenses for federated learning", NDSS 2021,
    section IV.
    """

    def __init__(self, seed: int | None, *,
                 direction: Literal['unit', 'std', 'sign'] = 'unit',
                 sample: int = 32):
        super().__init__(seed, sample=sample)
        if sample < 2:
            raise ValueError(f'sample {sample} must be at least 2')
        self.direction = direction

    def _from(self, rows: Vector) -> Vector:
        """Mean + gamma * direction."""
        m, d = rows.shape
        mean, way = np.empty((2, d), dtype=np.float32)
        length, inner, lengths = 0.0, np.zeros(m), np.zeros(m)
        for s in arrays.blocks(d, BLOCK):
            part = rows[:, s].astype(np.float64)
            centre = part.mean(axis=0)
            along = self._way(part, centre)
            mean[s], way[s] = centre, along
            np.subtract(centre, part, out=part)
            length += float(along @ along)
            inner += part @ along
            lengths += np.square(part, out=part).sum(axis=1)
        apart = squared(Rows(list(rows), np.ones(m, dtype=int), 1))
        gamma = self.gamma(length, inner, lengths, apart) if length else 0.0
        mean += np.float32(gamma) * way
        return mean

    def _way(self, part: Floats, mean: Floats) -> Floats:
        """The direction of the move, of whatever length."""
        if self.direction == 'std':
            return -part.std(axis=0)
        return -np.sign(mean) if self.direction == 'sign' else -mean

    def gamma(self, length: float, inner: Floats, lengths: Floats,
              apart: Floats) -> float:
        """The largest factor of the direction p that is allowed.

        Parameters
        ----------
        length : float
            |p|^2, above 0.
        inner : ndarray of float64, shape (m,)
            <p, mean - g_i> for the true gradients g_i.
        lengths : ndarray of float64, shape (m,)
            |mean - g_i|^2.
        apart : ndarray of float64, shape (m, m)
            |g_i - g_j|^2.
        """
        raise NotImplementedError
