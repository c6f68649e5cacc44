"""Digests, which tell one file from another without keeping it."""

import hashlib
import os
import re

from aspis_mpi import streams

#: Of a file of at most so many bytes every byte counts.
MOST = 256 << 20
#: Of a longer one so many blocks of so many bytes count, and its length.
BLOCKS, BLOCK = 64, 1 << 20


def digest(path, most=MOST):
    """Length and SHA-256 of a file, in words.

    Parameters
    ----------
    path : str or Path
    most : int
        Of a file with more bytes only its length and `BLOCKS` blocks are
        looked at, which the length alone decides.

    Returns
    -------
    str

    Raises
    ------
    OSError
        The file cannot be read.

    Notes
    -----
    A change in a share s of the blocks of a long file is missed with
    probability (1 - s)^64.
    """
    with open(path, 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        if size <= most:
            found = hashlib.file_digest(file, 'sha256').hexdigest()
            return f'{size:,} bytes, sha256 {found}'
        found = hashlib.sha256()
        for block in _drawn(size):
            file.seek(block * BLOCK)
            found.update(file.read(BLOCK))
    return f'{size:,} bytes, sha256 of {BLOCKS} blocks {found.hexdigest()}'


def brief(text):
    """A `digest` with the beginning of the hash alone.

    >>> brief('7 bytes, sha256 ' + 64 * 'a')
    '7 bytes, sha256 aaaaaaaa'
    """
    return re.sub(r'\b([0-9a-f]{8})[0-9a-f]{56}\b', r'\1', text)


def _drawn(size):
    """Numbers of the blocks that stand for a long file, ascending."""
    n = -(-size // BLOCK)
    drawn = streams.generator(0, 'blocks', size).choice(
        n, min(n, BLOCKS), replace=False)
    return sorted(drawn.tolist())
