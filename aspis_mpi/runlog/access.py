"""Opening a file of the run log, also while it is written or after a kill."""

import io
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from aspis_mpi.errors import RunLogError

Found = TypeVar('Found')

#: Pauses, in seconds, before a log that is just being written is read again.
PAUSES = (0.01, 0.05, 0.25)
#: What h5py raises where something is missing or damaged.
HDF5_ERRORS = (OSError, KeyError, RuntimeError)

#: Where the superblock of HDF5's oldest and usual format, which h5py writes,
#: says where the file ends.
END = range(40, 48)


class Killed(io.FileIO):
    """A file whose writer was killed before it wrote where the file ends.

    HDF5 writes that last, and reads nothing behind the old end.  Here the
    file ends where it does; on the disk nothing is changed.
    """

    def readinto(self, buffer: Any) -> int:
        """Read as ever, but for the end of the file."""
        start = self.tell()
        count = super().readinto(buffer)
        end = self.seek(0, io.SEEK_END)
        self.seek(start + count)
        size = end.to_bytes(END.stop - END.start, 'little')
        for place in range(max(start, END.start),
                           min(start + count, END.stop)):
            memoryview(buffer)[place - start] = size[place - END.start]
        return count


def open_log(path: Path, killed: bool = False) -> h5py.File:
    """Open an HDF5 file for reading, without a lock.

    Parameters
    ----------
    path : Path
    killed : bool
        Nobody writes it any more, and perhaps nobody closed it.

    Returns
    -------
    h5py.File

    Raises
    ------
    RunLogError
        There is no such file, or it cannot be opened.
    """
    if not path.is_file():
        raise RunLogError(f'there is no file {path}')
    if killed:
        return retried(lambda: h5py.File(Killed(path), 'r'),
                       f'{path} cannot be opened as HDF5', pauses=())
    try:
        return retried(lambda: h5py.File(path, 'r', locking=False),
                       f'{path} cannot be opened as HDF5')
    except RunLogError:
        return open_log(path, killed=True)


def retried(what: Callable[[], Found], failed: str,
            between: Callable[[], None] = lambda: None,
            pauses: Iterable[float] = PAUSES) -> Found:
    """Do `what`, again if the writer has just moved what it looked for.

    Parameters
    ----------
    what : callable
    failed : str
        How the error begins that is raised in the end.
    between : callable
        Done after each pause.
    pauses : sequence of float
        In seconds.

    Raises
    ------
    RunLogError
        It failed after every pause.
    """
    for pause in pauses:
        try:
            return what()
        except HDF5_ERRORS:
            time.sleep(pause)
            between()
    try:
        return what()
    except HDF5_ERRORS as error:
        raise RunLogError(f'{failed}: {error}') from error


def attributes(file: h5py.File) -> dict[str, Any]:
    """Root attributes of an open file, as Python's own types."""
    found = {key: value.tolist() if isinstance(value, np.generic | np.ndarray)
             else value for key, value in file.attrs.items()}
    # One that is larger than HDF5's numbers is a text there.
    return found | ({'seed': int(found['seed'])} if 'seed' in found else {})


def attributes_at(path: Path) -> dict[str, Any]:
    """Root attributes of a file, which is closed again.

    Raises
    ------
    RunLogError
        There is no such file, or it cannot be read.
    """
    with open_log(path) as file:
        return retried(lambda: attributes(file),
                       f'/ of {path} cannot be read')
