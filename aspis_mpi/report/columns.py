"""Columns of a picture over steps, of which several may share one."""

import numpy as np


class Columns:
    """The columns of a picture over T steps.

    Parameters
    ----------
    steps : ndarray of int, shape (T,)
        Their numbers, ascending.
    most : int
        So many columns at most.

    Attributes
    ----------
    span : int
        Steps in each column, the last one may have fewer.
    starts : ndarray of int, shape (columns,)
        The first row of each.
    edges : ndarray of float, shape (columns + 1,)
        Where they lie on an axis of steps.
    """

    def __init__(self, steps, most):
        self._steps = steps
        self.span = -(-len(steps) // most)
        self.starts = np.arange(0, len(steps), self.span)
        self.edges = np.append(steps[self.starts], steps[-1] + 1) - 0.5

    def worst(self, values):
        """The largest value of each column, (..., T) to (..., columns)."""
        return np.maximum.reduceat(values, self.starts, axis=-1)

    def average(self, values):
        """The mean of each column, (T,) to (columns,)."""
        counts = np.diff(np.append(self.starts, len(values)))
        return np.add.reduceat(values, self.starts) / counts

    @property
    def firsts(self):
        """Number of the first step of each column, int (columns,)."""
        return self._steps[self.starts]

    def least(self, values):
        """The smallest known value of each column, NaN if none is."""
        return np.fmin.reduceat(values, self.starts)

    def most(self, values):
        """The largest known value of each column, NaN if none is."""
        return np.fmax.reduceat(values, self.starts)

    def known_average(self, values):
        """The mean of the known values of each column, NaN if none is."""
        values = np.asarray(values, dtype=float)
        known = ~np.isnan(values)
        counts = np.add.reduceat(known.astype(int), self.starts)
        sums = np.add.reduceat(np.where(known, values, 0.0), self.starts)
        return np.divide(sums, counts, out=np.full(len(counts), np.nan),
                         where=counts > 0)
