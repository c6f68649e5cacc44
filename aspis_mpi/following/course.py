"""A number over the course of a run, in bounded memory."""

import numpy as np

from aspis_mpi.arrays import Array, Floats

#: Spans of a course, at most: twice as many as a terminal has columns.
MOST = 512


class Course:
    """Numbers in a row, as the means of at most `MOST` spans of one length.

    When there are more, two neighbours become one.  Numbers that are not
    finite count in no mean.

    Attributes
    ----------
    n : int
        Numbers so far.
    last, least, most : float
        The last one; of those that are finite the extremes, NaN without.
    """

    def __init__(self) -> None:
        self.n, self.last = 0, np.nan
        self.least, self.most = np.nan, np.nan
        self._span = 1
        self._sums, self._counts = np.zeros((2, MOST))

    def extend(self, values: Array) -> None:
        """Add some numbers."""
        if not len(values):
            return
        places = np.arange(self.n, self.n + len(values))
        self.n, self.last = self.n + len(values), float(values[-1])
        while self.n > MOST * self._span:
            self._fold()

        finite = np.isfinite(values)
        spans = places[finite] // self._span
        self._counts += np.bincount(spans, minlength=MOST)
        self._sums += np.bincount(spans, values[finite], MOST)
        self.least = float(np.fmin.reduce(values[finite],
                                          initial=self.least))
        self.most = float(np.fmax.reduce(values[finite], initial=self.most))

    def columns(self, width: int) -> Floats:
        """Means of all numbers in `width` columns, NaN where there is none.

        With fewer numbers than columns each has several.
        """
        used = -(-self.n // self._span)
        if not used:
            return np.full(width, np.nan)
        n_columns = min(width, used)
        column = np.arange(used) * n_columns // used
        sums, counts = (
            np.bincount(column, of[:used], n_columns)
            for of in (self._sums, self._counts))
        means = np.divide(sums, counts, out=np.full(n_columns, np.nan),
                          where=counts > 0)
        return means[np.arange(width) * n_columns // width]

    def _fold(self) -> None:
        """Make one span of two."""
        for of in (self._sums, self._counts):
            of[:MOST // 2] = of.reshape(-1, 2).sum(axis=1)
            of[MOST // 2:] = 0
        self._span *= 2
