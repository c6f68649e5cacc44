"""Opening a file of the run log, and trying again while it is written."""

import time

import h5py
import numpy as np

#: Pauses, in seconds, before a log that is just being written is read again.
PAUSES = (0.01, 0.05, 0.25)
#: What h5py raises where something is missing or damaged.
HDF5_ERRORS = (OSError, KeyError, RuntimeError)


class RunLogError(ValueError):
    """A file that cannot be read as a run log, and why, in one sentence."""


def open_log(path):
    """Open an HDF5 file for reading, without a lock.

    Parameters
    ----------
    path : Path

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
    return patiently(lambda: h5py.File(path, 'r', locking=False),
                     f'{path} cannot be opened as HDF5')


def patiently(what, failed, between=lambda: None):
    """Do `what`, again if the writer has just moved what it looked for.

    Parameters
    ----------
    what : callable
    failed : str
        How the error begins that is raised in the end.
    between : callable
        Done after each pause.

    Raises
    ------
    RunLogError
        It failed after every pause.
    """
    for pause in PAUSES:
        try:
            return what()
        except HDF5_ERRORS:
            time.sleep(pause)
            between()
    try:
        return what()
    except HDF5_ERRORS as error:
        raise RunLogError(f'{failed}: {error}') from error


def attributes(file):
    """Root attributes of an open file, as Python's own types."""
    return {key: value.tolist() if isinstance(value, np.generic | np.ndarray)
            else value for key, value in file.attrs.items()}


def attributes_at(path):
    """Root attributes of a file, which is closed again.

    Raises
    ------
    RunLogError
        There is no such file, or it cannot be read.
    """
    with open_log(path) as file:
        return patiently(lambda: attributes(file),
                         f'/ of {path} cannot be read')
