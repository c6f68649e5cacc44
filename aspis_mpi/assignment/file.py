"""An assignment of the user's own, from a matrix in a file."""

from pathlib import Path

import numpy as np

from aspis_mpi.assignment.base import Assignment

#: Kinds of text files, and what stands between two entries of a row.
SEPARATORS = {'.csv': ',', '.txt': None}


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
        Names the file and what is wrong with it; rows and columns count
        from 0.
    """

    name = 'file'
    default_order = 'search'

    def __init__(self, n_workers, *, path: str):
        matrix = _read(Path(path))
        problem = _problem(matrix, n_workers)
        if problem:
            raise ValueError(f'{path}: {problem}')
        super().__init__(matrix != 0)


def _read(path):
    """The matrix of a file, whatever its entries."""
    if path.suffix != '.npy' and path.suffix not in SEPARATORS:
        raise ValueError(f"{path}: ends in '{path.suffix}', must be one of "
                         f'.npy, {", ".join(SEPARATORS)}')
    try:
        # Opened here: NumPy itself would fetch and unpack what it is given.
        if path.suffix == '.npy':
            with open(path, 'rb') as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
        with open(path, encoding='utf-8-sig') as stream:
            return _table(stream, SEPARATORS[path.suffix])
    except OSError as error:
        raise ValueError(f'{path}: {error.strerror or error}') from error
    except (ValueError, EOFError) as error:
        raise ValueError(f'{path}: {error}') from error


def _table(stream, separator):
    lines = [line for line in stream if line.partition('#')[0].strip()]
    if not lines:
        raise ValueError('has no entries')
    return np.loadtxt(lines, delimiter=separator, ndmin=2)


def _problem(matrix, n_workers):
    """What keeps a matrix from being an incidence matrix, or None."""
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
        return (f'row {row}, column {column} is {matrix[row, column]}, '
                'must be 0 or 1')
    if not matrix.any(axis=1).all():
        return f'file {np.argmin(matrix.any(axis=1))} (a row) has no worker'
    if not matrix.any(axis=0).all():
        return f'worker {np.argmin(matrix.any(axis=0))} (a column) has no file'
    return None
