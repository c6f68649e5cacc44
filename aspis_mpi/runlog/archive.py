"""Named arrays in one file, which is whole or not there."""

import os

import numpy as np

from aspis_mpi.runlog.claims import real, unfinished


def save(path, arrays):
    """Write numpy's `.npz`; it replaces an older one when it is on the disk.

    Parameters
    ----------
    path : Path
        Its folder is made when it is missing; a link stays one.
    arrays : dict of str to ndarray

    Raises
    ------
    OSError
        It cannot be written; an older one stays as it was.
    """
    place, begun = real(path), unfinished(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(begun, 'wb') as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        # Of a full disk the log needs what is left.
        begun.unlink(missing_ok=True)
        raise
    begun.replace(place)
    _sync(place.parent)


def _sync(folder):
    """Make a rename in a folder outlast a crash of the machine."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
