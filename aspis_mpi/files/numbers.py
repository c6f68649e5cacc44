"""Tables of numbers in files of the user's own."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aspis_mpi.files import texts
from aspis_mpi.words import counted

#: Kinds of text files, and what stands between two entries of a row.
SEPARATORS = {'.csv': ',', '.txt': None}

#: With which every .npy file begins.
MAGIC = b'\x93NUMPY'


@dataclass(frozen=True)
class Numbers:
    """Numbers, and where in their file each row stands.

    Attributes
    ----------
    values : ndarray
        Of a text file with two dimensions.
    lines : tuple of int or None
        The line of each row, counted as an editor does; None where a file
        has no lines.
    """

    values: np.ndarray
    lines: tuple[int, ...] | None = None

    def row(self, number):
        """The place of a row; people count from 1.

        >>> Numbers(np.ones((2, 2)), (1, 5)).row(1), Numbers(np.ones(2)).row(1)
        ('line 5', 'row 2')
        """
        if self.lines is None:
            return f'row {number + 1}'
        return f'line {self.lines[number]}'

    def place(self, number, column, *deeper):
        """The place of an entry."""
        place = f'{self.row(number)}, column {column + 1}'
        return ', '.join([place, *(f'entry {entry + 1}' for entry in deeper)])


def read(path):
    """The table in a file, whatever its entries and its shape.

    Parameters
    ----------
    path : str or Path
        Of a `.npy` array, a `.csv` table with commas or a `.txt` table with
        blanks; text may have comments after `#`, and a byte-order mark.

    Returns
    -------
    Numbers
        Of a text file float64.

    Raises
    ------
    ValueError
        Names the file, the line and why it cannot be read.
    """
    path = Path(path)
    if path.suffix != '.npy' and path.suffix not in SEPARATORS:
        raise ValueError(f"{path}: ends in '{path.suffix}', must be one of "
                         f'.npy, {", ".join(SEPARATORS)}')
    try:
        if path.suffix == '.npy':
            return Numbers(_array(path))
        return parsed(texts.read(path), SEPARATORS[path.suffix])
    except OSError as error:
        # A relative path counts from where the run was started.
        raise ValueError(f'{path.absolute()}: '
                         f'{error.strerror or error}') from error
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def parsed(text, separator, dtype=np.float64):
    """The table that a text holds.

    Parameters
    ----------
    text : str
    separator : str or None
        Between two entries; None for blanks.
    dtype : type

    Returns
    -------
    Numbers

    Raises
    ------
    ValueError
        Names the line and what is wrong with it.
    """
    # Every kind of line end is one, as for an editor.
    rows = [(number, line) for number, line
            in enumerate(io.StringIO(text, newline=None), start=1)
            if line.partition('#')[0].strip()]
    if not rows:
        raise ValueError('has nothing but comments' if text.strip()
                         else 'is empty')
    numbers, lines = zip(*rows)
    try:
        return Numbers(np.loadtxt(lines, dtype, delimiter=separator, ndmin=2),
                       numbers)
    except ValueError as error:
        # NumPy counts other lines, and advises on arguments of its own.
        raise ValueError(_fault(rows, separator)) from error


def _fault(rows, separator):
    """The first line that cannot be a row, and why."""
    first, width = rows[0][0], len(_entries(rows[0][1], separator))
    for number, line in rows:
        entries = _entries(line, separator)
        for column, entry in enumerate(entries, start=1):
            if not _is_number(entry):
                return (f'line {number}, column {column}: {entry!r} is no '
                        f'number; {_kinds(separator)}, and what is no data '
                        'follows a #')
        if len(entries) != width:
            found = counted(len(entries), 'entry', 'entries')
            return (f'line {number} has {found}, line {first} has {width}; '
                    f'{_kinds(separator)}')
    return 'is no table of numbers'


def _entries(line, separator):
    body = line.partition('#')[0].strip()
    return [entry.strip() for entry in body.split(separator)]


def _kinds(separator):
    return f'entries stand between {"commas" if separator else "blanks"}'


def _is_number(entry):
    try:
        float(entry)
    except ValueError:
        return False
    return '_' not in entry


def _array(path):
    """The array of a .npy file."""
    # Opened here: NumPy itself would fetch and unpack what it is given.
    with open(path, 'rb') as stream:
        head = stream.read(len(MAGIC))
        if head != MAGIC:
            raise ValueError('is no .npy array' if head else 'is empty')
        stream.seek(0)
        try:
            return np.lib.format.read_array(stream, allow_pickle=False)
        except MemoryError as error:
            raise ValueError('is damaged, or does not fit into memory'
                             ) from error
        except (ValueError, EOFError) as error:
            # Its messages name arguments of NumPy's.
            raise ValueError(
                'holds objects of Python, must hold numbers'
                if 'allow_pickle' in str(error) and 'Object' in str(error)
                else 'is damaged or cut short') from error
