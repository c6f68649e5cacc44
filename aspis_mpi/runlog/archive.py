"""Named arrays in one file, which is whole or not there."""

import os
import zipfile

import numpy as np

from aspis_mpi.runlog.claims import real, unfinished


def save(path, arrays):
    """Write numpy's `.npz`; see `replace`."""
    replace(path, lambda file: _write(file, arrays))


def replace(path, write):
    """Write a file; it replaces an older one when it is on the disk.

    Parameters
    ----------
    path : Path
        Its folder is made when it is missing; a link stays one.
    write : callable
        Given a binary file.

    Raises
    ------
    OSError
        It cannot be written; an older one stays as it was.
    """
    place, begun = real(path), unfinished(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(begun, 'wb') as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        # Of a full disk the log needs what is left.
        begun.unlink(missing_ok=True)
        raise
    begun.replace(place)
    sync(place.parent)


def _write(file, arrays):
    """Write as `numpy.savez` does, which takes not every name."""
    with zipfile.ZipFile(file, 'w', allowZip64=True) as archive:
        for name, values in arrays.items():
            with archive.open(f'{name}.npy', 'w', force_zip64=True) as part:
                np.lib.format.write_array(part, np.asanyarray(values),
                                          allow_pickle=False)


def sync(folder):
    """Make a rename in a folder outlast a crash of the machine."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
