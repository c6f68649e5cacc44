"""An assignment of the user's own, from a matrix in a file."""

import numpy as np

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.files import numbers


class FromFile(Assignment):
    """Any 0/1 matrix of files (rows) and workers (columns) from a file.

    Parameters
    ----------
    n_workers : int
        K, which must be the number of columns.
    path : str
        Of a `.npy` array, a `.csv` table with commas or a `.txt` table with
        blanks; text may have comments after `#`.  Every rank reads it.

    Raises
    ------
    ValueError
        Names the file and what is wrong with it; lines, rows and columns
        count from 1, files and workers from 0.
    """

    name = 'file'
    reads = ('path',)
    default_order = 'search'

    def __init__(self, n_workers, *, path: str):
        table = numbers.read(path)
        problem = _problem(table, n_workers)
        if problem:
            raise ValueError(f'{path}: {problem}')
        super().__init__(table.values != 0)


def _problem(table, n_workers):
    """The reason why a matrix is no incidence matrix, or None."""
    matrix = table.values
    if matrix.ndim != 2:
        return f'has {matrix.ndim} dimensions, must have 2'
    if matrix.dtype.kind not in 'biuf':
        return f'has entries of type {matrix.dtype}, must have numbers'
    if matrix.shape[1] != n_workers:
        return (f'has {matrix.shape[1]} columns, must have one for each of '
                f'{n_workers} workers')
    if not matrix.size:
        return 'has no entries'
    wrong = (matrix != 0) & (matrix != 1)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        return (f'{table.place(row, column)} is {matrix[row, column]}, must '
                'be 0 or 1')
    if not matrix.any(axis=1).all():
        file = np.argmin(matrix.any(axis=1))
        return f'{table.row(file)} gives file {file} no worker'
    if not matrix.any(axis=0).all():
        worker = np.argmin(matrix.any(axis=0))
        return f'column {worker + 1} gives worker {worker} no file'
    return None
