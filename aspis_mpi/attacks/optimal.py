"""Lies along a line, as far as they harm one aggregation most."""

from collections.abc import Callable

import numpy as np

from aspis_mpi import arrays, registry
from aspis_mpi.arrays import Floats, Vector
from aspis_mpi.attacks.colluding import BLOCK, Colluding
from aspis_mpi.checks import check_rounds

#: Each step of the search that fails is followed by one so much shorter.
SHORTER = 0.8


class Optimal(Colluding):
    """A point x of a line, the worst for a rule that the liars know.

    The worst is where the rule, given the true gradients and the lie as
    often as there are liars, is furthest from the mean of the true ones.

    Parameters
    ----------
    seed
        See `Value`.
    against : str
        The aggregation, by its name, as it is without options.
    evaluations : int
        How often it is tried in a step, at least 1 and at most 10,000.
    sample : int
        Number of files, at least 2.

    Notes
    -----
    The share of lies is that of liars among the workers.  Steps of the
    search double while they help, then they shrink: the maximum is a local
    one.

    References
    ----------
    Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan, "Fixing by
    mixing: a recipe for optimal Byzantine ML under heterogeneity", AISTATS
    2023, appendix, "Auto ALIE" and "Auto FOE".
    """

    def __init__(self, seed: int | None, *, against: str = 'median',
                 evaluations: int = 16, sample: int = 32):
        super().__init__(seed, sample=sample)
        if sample < 2:
            raise ValueError(f'sample {sample} must be at least 2')
        check_rounds('evaluations', evaluations)
        self.evaluations = evaluations
        self._rule = registry.find('aggregation', against)
        # Until it hears of others.
        self._workers, self._liars = 5, 1

    def meet(self, n_workers: int, n_liars: int) -> None:
        """See `Value.meet`."""
        self._workers, self._liars = n_workers, n_liars

    def _from(self, rows: Vector) -> Vector:
        """The worst point for these gradients."""
        m, d = rows.shape
        honest = max(self._workers - self._liars, 1)
        n_lies = max(round(m * self._liars / honest), 1)
        rule = self._rule(m + n_lies, n_lies, n_lies)
        start, way, mean = self._line(rows)
        lie, found = np.empty((2, d), dtype=np.float32)
        files = [*rows, *[lie] * n_lies]
        samples = np.ones(len(files), dtype=int)

        def move(x: float) -> None:
            np.multiply(way, np.float32(x), out=lie)
            np.add(lie, start, out=lie)

        def harm(x: float) -> float:
            move(x)
            rule.aggregate(files, samples, found)
            np.subtract(found, mean, out=found)
            return float(arrays.norm(found))

        move(largest(harm, self.evaluations))
        return lie

    def _line(self, rows: Vector) -> tuple[Vector, Vector, Vector]:
        """A point and a direction of the line, and the mean gradient."""
        start, way, mean = np.empty((3, rows.shape[1]), dtype=np.float32)
        for s in arrays.blocks(rows.shape[1], BLOCK):
            part = rows[:, s].astype(np.float64)
            start[s], way[s] = self.line(part)
            mean[s] = part.mean(axis=0)
        return start, way, mean

    def line(self, rows: Floats) -> tuple[Floats | float, Floats]:
        """A point and a direction, for some coordinates.

        Parameters
        ----------
        rows : ndarray of float64, shape (m, n)
            True mean gradients of m files.

        Returns
        -------
        ndarray of float64, shape (n,), or float
        ndarray of float64, shape (n,)
        """
        raise NotImplementedError


def largest(score: Callable[[float], float], evaluations: int) -> float:
    """The x of at least 0, of those tried, with the largest score.

    Parameters
    ----------
    score : callable
    evaluations : int
        At least 1.

    >>> abs(largest(lambda x: -(x - 5) ** 2, 30) - 5) < 0.1
    True
    """
    best, most, step, left = 0.0, score(0.0), 1.0, evaluations - 1
    # Away from 0 by steps that double, for as long as it helps.
    while left:
        found, left = score(best + step), left - 1
        if not found > most:
            break
        best, most, step = best + step, found, 2 * step
    # Then to both sides in turn, by steps that shrink.
    side = -1
    while left:
        step *= SHORTER
        x = max(best + side * step, 0.0)
        found, left, side = score(x), left - 1, -side
        if found > most:
            best, most = x, found
    return best
