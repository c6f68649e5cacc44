"""Official files where a user keeps them: folders, gzip files, archives."""

import gzip
import hashlib
import tarfile
import zlib
from functools import partial
from pathlib import Path

from aspis_mpi import registry
from aspis_mpi.errors import DataError
from aspis_mpi.learning.images.imageset import ADVICE
from aspis_mpi.words import reason

#: With which every gzip file begins.
GZIP = b'\x1f\x8b'


def check_md5(path, published):
    """Raise a DataError unless a file has the md5 sum that is published.

    Parameters
    ----------
    path : Path
    published : str
    """
    # Against damage and mistakes; nobody relies on it against malice.
    md5 = partial(hashlib.md5, usedforsecurity=False)
    try:
        with open(path, 'rb') as file:
            found = hashlib.file_digest(file, md5).hexdigest()
    except OSError as error:
        raise DataError(f'{path}: {reason(error)}') from error
    if found == published:
        return
    owner = _owner(found)
    told = (f'is a file of {owner}' if owner else
            f'has the md5 sum {found}, the official file {published}: it is '
            'damaged or another')
    raise DataError(f'{path}: {told}; {ADVICE}')


def _owner(md5):
    """The set to which a published sum belongs, or None."""
    return next((name for name, part in registry.parts('data').items()
                 if md5 in part.checksums.values()), None)


def read(path):
    """The bytes of a file.

    Raises
    ------
    DataError
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f'{path}: {reason(error)}') from error


def unpacked(raw, path):
    """Bytes that a gzip file holds.

    Raises
    ------
    DataError
    """
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f'{path}: is no whole gzip file: {error}') from error


def members(path, names):
    """Files of an archive, by their last names; nothing is written.

    Parameters
    ----------
    path : Path
        A tar file, packed or not.
    names : iterable of str

    Returns
    -------
    dict of str to bytes
        Of those that are there.

    Raises
    ------
    DataError
    """
    wanted, found = set(names), {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = Path(member.name).name
                if name in wanted and member.isfile():
                    found[name] = archive.extractfile(member).read()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(f'{path}: is no whole tar archive: '
                        f'{reason(error)}') from error
    return found
