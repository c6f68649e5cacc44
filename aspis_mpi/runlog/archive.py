"""Named arrays in one file, which is whole or not there."""

import os

import numpy as np


def save(path, arrays):
    """Write numpy's `.npz`; it replaces an older one when it is on the disk.

    Parameters
    ----------
    path : Path
        Its folder is made when it is missing.
    arrays : dict of str to ndarray

    Raises
    ------
    OSError
        It cannot be written; an older one stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f'.{path.name}.unfinished')
    try:
        with open(unfinished, 'wb') as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        # Of a full disk the log needs what is left.
        unfinished.unlink(missing_ok=True)
        raise
    unfinished.replace(path)
    _sync(path.parent)


def _sync(folder):
    """Make a rename in a folder outlast a crash of the machine."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
