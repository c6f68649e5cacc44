"""The command `prepare`: official files into one that ranks map."""

import os
from pathlib import Path

from aspis_mpi import registry
from aspis_mpi.errors import DataError
from aspis_mpi.learning.images import prepared
from aspis_mpi.learning.images.imageset import UNCHECKED, ImageSet
from aspis_mpi.parts import extras
from aspis_mpi.words import size


def prepare(name, path, out, unchecked=False, overwrite=False):
    """Make a prepared file.

    Parameters
    ----------
    name : str
        Of a set, or `module:Class` of one of the user's own.
    path : str or None
        A folder or an archive; None for a set that a library ships.
    out : str
        The file to be.
    unchecked : bool
        Whether anything of the right form will do.
    overwrite : bool
        Whether an older file is replaced.

    Returns
    -------
    str
        What has been made, in a line.

    Raises
    ------
    DataError
        The files are not those of the set, or not whole.
    UnknownPart
        There is no such set.
    Unwritable
    """
    part = _found(name)
    _check(part, path, out, overwrite)
    it = part()
    loaded = it.load(path if path is None else Path(path), not unchecked)
    images = prepared.of(it.name, it.classes, loaded)
    prepared.write(out, images)
    return _told(out, images.head)


def _found(name):
    part = registry.find('data', name)
    if not (isinstance(part, type) and issubclass(part, ImageSet)):
        raise DataError(f"'{name}' must be a class whose base is "
                        f'{ImageSet.__module__}.{ImageSet.__name__}')
    return part


def _check(part, path, out, overwrite):
    """Refuse before anything is read."""
    for library in extras.missing(part):
        raise DataError(f'{part.name} needs {extras.advice(library)}')
    if part.packaged and path is not None:
        raise DataError(f'{part.name} comes with {part.needs} and takes no '
                        f'PATH; it has {path}')
    if not part.packaged and path is None:
        raise DataError(f'{part.name} needs the PATH of its official files, '
                        'which you have downloaded; nothing is downloaded '
                        'here')
    if path is not None and not os.path.exists(path):
        raise DataError(f'{path}: there is no such file or folder')
    if os.path.isdir(out):
        raise DataError(f'{out} is a folder; -o must name a file in it')
    if os.path.exists(out) and not overwrite:
        raise DataError(f'{out} is there already; --overwrite replaces it')


def _told(out, head):
    channels, height, width = head.shape
    proof = head.proof.upper() if head.proof == UNCHECKED else head.proof
    return (f'{out}: {head.name}, {head.train:,} images to train on and '
            f'{head.held_out:,} held out, {channels}×{height}×{width}, '
            f'{head.classes} classes, {size(os.path.getsize(out))}; {proof}.')
