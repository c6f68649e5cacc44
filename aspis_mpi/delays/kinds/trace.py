"""Seconds a file that were measured."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.delays.base import Delay
from aspis_mpi.files import numbers


@dataclass(eq=False, kw_only=True)
class Trace(Delay):
    """Seconds a file from a .npy, .csv or .txt file; step t uses row t mod T.

    Parameters
    ----------
    n_workers, load, seed
        See `Delay`.
    path : str
        An array of shape (T, K), seconds a file of each worker, or
        (T, K, l), of each worker and position; at least 0, inf for never.
        With more columns than l, those past it are for files of others.
        Text, a .csv file with commas or a .txt file with blanks, has a line
        a step and a column a worker, and may have comments after `#`.

    Raises
    ------
    ValueError
        The file cannot be read, or its shape or an entry does not fit.
    """

    name = 'trace'
    reads = ('path',)

    path: str

    def __post_init__(self):
        super().__post_init__()
        table = _read(self.path)
        rows = table.values.astype(np.float64)
        self._check(table, rows)
        self._rows = rows.reshape(*rows.shape, 1) if rows.ndim == 2 else rows
        self.load = max(self.load, self._rows.shape[2])
        self.data_bytes = rows.nbytes

    def drawn(self, step):
        """Row t mod T, (K, 1) or (K, l)."""
        return self._rows[step % len(self._rows)]

    def _check(self, table, rows):
        k, load = self.n_workers, self.load
        fits = rows.ndim in (2, 3) and rows.size and rows.shape[1] == k
        if not fits or rows.ndim == 3 and rows.shape[2] < load:
            raise ValueError(
                f'trace {self.path} has shape {rows.shape}; it must be '
                f'(T, {k}) or (T, {k}, {load}), or have more columns than '
                'that, with T at least 1')
        # Not >= 0 is also true of NaN.
        wrong = np.argwhere(~(rows >= 0))
        if len(wrong):
            place = tuple(wrong[0].tolist())
            raise ValueError(f'trace {self.path}: {table.place(*place)} is '
                             f'{rows[place]}; it must be at least 0')


def _read(path):
    """The table in a file, of real numbers."""
    table = numbers.read(path)
    if table.values.dtype.kind not in 'iuf':
        raise ValueError(f'trace {path} has entries of type '
                         f'{table.values.dtype}; they must be real numbers')
    return table
