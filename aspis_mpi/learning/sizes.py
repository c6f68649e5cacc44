"""The samples of each file of a batch: equal shares, or others."""

from typing import NoReturn

import numpy as np

from aspis_mpi.arrays import Ints
from aspis_mpi.files import numbers
from aspis_mpi.words import nearest

#: Names of sizes that nobody has to write down.
EQUAL, ZIPF = 'equal', 'zipf'


def default_batch_size(n_files: int, n_samples: int) -> int:
    """Two samples a file where there are as many, else one.

    >>> default_batch_size(455, 1437), default_batch_size(455, 600)
    (910, 455)
    """
    return 2 * n_files if 2 * n_files <= n_samples else n_files


def equal(batch_size: int, n_files: int) -> Ints:
    """Nearly equal sizes, the larger ones first.

    >>> equal(8, 3).tolist()
    [3, 3, 2]
    """
    least, larger = divmod(batch_size, n_files)
    return np.asarray(least + (np.arange(n_files) < larger))


def zipf(batch_size: int, n_files: int) -> Ints:
    """Sizes as 1, 1/2, 1/3 ..., at least one sample each.

    Parameters
    ----------
    batch_size : int
        Their sum, at least `n_files`.
    n_files : int

    Returns
    -------
    ndarray of int, shape (n_files,)
        The exact shares, rounded by largest remainders; where that leaves
        files without a sample, the largest files give them one.

    >>> zipf(25, 4).tolist()
    [12, 6, 4, 3]
    """
    shares = 1.0 / np.arange(1, n_files + 1)
    exact = shares * (batch_size / shares.sum())
    counts = np.maximum(1, np.floor(exact).astype(np.int64))
    left = batch_size - int(counts.sum())
    if left < 0:
        # The least ones were rounded up: the largest make up for it.
        return _lowered(counts, -left)
    counts[np.argsort(counts - exact, kind='stable')[:left]] += 1
    return counts


def _lowered(counts: Ints, surplus: int) -> Ints:
    """Sizes with a smaller sum, taken off the largest; one sample stays."""
    for _ in range(surplus):
        counts[len(counts) - 1 - int(counts[::-1].argmax())] -= 1
    return counts


#: Rules by their names.
RULES = {EQUAL: equal, ZIPF: zipf}


def read(path: str, n_files: int | None, n_samples: int) -> Ints:
    """Sizes from a table: one number for each file.

    Parameters
    ----------
    path : str
        Of a `.npy`, `.csv` or `.txt` file, with one row or one column.
    n_files : int or None
        None where any number of files is right.
    n_samples : int
        Training samples: no batch has one of them twice.

    Returns
    -------
    ndarray of int, shape (n_files,)

    Raises
    ------
    ValueError
        Names the file, the line, its value and the bound.
    """
    if '.' not in path:
        raise ValueError(f"must be '{EQUAL}', '{ZIPF}' or the path of a .npy, "
                         f'.csv or .txt file; {nearest(path, (EQUAL, ZIPF))}')
    table = numbers.read(path)
    values = table.values
    if values.ndim not in (1, 2) or values.size != max(
            values.shape, default=0):
        raise ValueError(f'{path}: has an array of shape {values.shape}; it '
                         'must have one row or one column, a number for each '
                         'file')
    if values.dtype.kind not in 'iuf':
        raise ValueError(f'{path}: has entries of type {values.dtype}, must '
                         'have numbers')
    sizes = values.reshape(-1)
    if n_files is not None and len(sizes) != n_files:
        raise ValueError(f'{path}: has {len(sizes)} numbers, must have one '
                         f'for each of {n_files} files')
    # Not >= 1 is also true of NaN.
    wrong = np.flatnonzero(~((sizes >= 1) & (sizes <= n_samples)
                             & (sizes == np.floor(sizes))))
    if wrong.size:
        _refuse(path, table, int(wrong[0]), n_samples)
    return sizes.astype(np.int64)


def _refuse(path: str, table: numbers.Numbers, place: int,
            n_samples: int) -> NoReturn:
    """Say which size cannot be, and what it must be."""
    values = table.values
    row = values.ndim == 2 and values.shape[0] == 1
    where = table.place(0, place) if row else table.row(place)
    raise ValueError(
        f'{path}: {where} is {values.reshape(-1)[place]:g}; a file has a '
        f'whole number of samples, from 1 to the {n_samples} that are '
        'trained on: correct it')
