"""Tables of numbers in files of the user's own."""

from pathlib import Path

import numpy as np

#: Kinds of text files, and what stands between two entries of a row.
SEPARATORS = {'.csv': ',', '.txt': None}


def read(path):
    """The array in a file, whatever its entries and its shape.

    Parameters
    ----------
    path : str or Path
        Of a `.npy` array, a `.csv` table with commas or a `.txt` table with
        blanks; text may have comments after `#`, and a byte-order mark.

    Returns
    -------
    ndarray
        Of a text file float64, with two dimensions.

    Raises
    ------
    ValueError
        Names the file and why it cannot be read.
    """
    path = Path(path)
    if path.suffix != '.npy' and path.suffix not in SEPARATORS:
        raise ValueError(f"{path}: ends in '{path.suffix}', must be one of "
                         f'.npy, {", ".join(SEPARATORS)}')
    try:
        # Opened here: NumPy itself would fetch and unpack what it is given.
        if path.suffix == '.npy':
            with open(path, 'rb') as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
        with open(path, encoding='utf-8-sig') as stream:
            return _text(stream, SEPARATORS[path.suffix])
    except OSError as error:
        # A relative path counts from where the run was started.
        raise ValueError(f'{path.absolute()}: '
                         f'{error.strerror or error}') from error
    except (ValueError, EOFError) as error:
        raise ValueError(f'{path}: {error}') from error


def _text(stream, separator):
    lines = [line for line in stream if line.partition('#')[0].strip()]
    if not lines:
        raise ValueError('has no entries')
    return np.loadtxt(lines, delimiter=separator, ndmin=2)
