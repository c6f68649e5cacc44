"""Trial of a folder: HDF5 writes in it, with its lock and without."""

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py

from aspis_mpi.words import reason

#: What wins over every program's own choice, this one's too.
VARIABLE = 'HDF5_USE_FILE_LOCKING'


@dataclass(frozen=True)
class Locking:
    """Outcome of writing one file in two ways.

    Attributes
    ----------
    locked, unlocked : str
        Why it failed, '' where it worked.
    variable : str
        Value of `VARIABLE`, '' where it is not set.
    """

    locked: str
    unlocked: str
    variable: str

    @property
    def forced(self):
        """True if logs are locked although this program asks not to."""
        return self.variable.upper() in ('TRUE', '1', 'BEST_EFFORT')


def probe(folder):
    """Write and read small files in a folder, and remove them.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    Locking

    Raises
    ------
    OSError
        Nothing can be written there at all.
    """
    with TemporaryDirectory(prefix='.aspis-doctor-', dir=folder) as place:
        return Locking(_write(Path(place, 'locked.h5'), True),
                       _write(Path(place, 'unlocked.h5'), False),
                       os.environ.get(VARIABLE, ''))


def _write(path, locking):
    """Mistake in words, '' if there was none."""
    try:
        with h5py.File(path, 'x', locking=locking) as file:
            file['row'] = range(8)
            file.flush()
        with h5py.File(path, 'r', locking=locking) as file:
            file['row'][:]
    except (OSError, RuntimeError, KeyError) as error:
        return reason(error)
    return ''
