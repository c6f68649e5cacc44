"""Claims of names: one run at a time writes under each, on any host.

A file of a run is made as `.NAME.unfinished` and gets its name when it is
whole.  Whoever has made that file and holds its lock has the name.  A kill
leaves it without a lock, so that the next run can take it over.

All of it happens where a link leads to: a rename would take its place.
"""

import fcntl
import os
import time
from pathlib import Path

from aspis_mpi.errors import InUse

#: Pauses, in seconds, until another process has looked at a name.
PAUSES = (0.01, 0.1, 1.0, 5.0)


def real(path):
    """Place that a path leads to."""
    return Path(os.path.realpath(path))


def unfinished(path):
    """Place of a file until it is whole, beside that where it will lie.

    >>> unfinished('/no/such/run.h5').as_posix()
    '/no/such/.run.h5.unfinished'
    """
    place = real(path)
    return place.with_name(f'.{place.name}.unfinished')


def claim(path):
    """Make sure that nobody else writes a file.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    file
        Nobody else can claim the file until this is closed.

    Raises
    ------
    InUse
    """
    try:
        # Over NFS only who may write can have a lock.
        file = open(path, 'r+b')
    except PermissionError:
        file = open(path, 'rb')
    _lock(file, path)
    return file


class Claim:
    """The name of a file that is to come.

    Parameters
    ----------
    path : str or Path
        Its folder exists.
    again : bool
        A run that was killed may have left its unfinished file.

    Attributes
    ----------
    place : Path
        Where the file is made.

    Raises
    ------
    InUse
    OSError
        Nothing can be written there.
    """

    def __init__(self, path, again=False):
        self.place = unfinished(path)
        self._file = None
        while self._file is None:
            self._file = _begun(self.place, path, again)

    def close(self):
        """Let others have the name, without what was not finished."""
        if _is_at(self._file, self.place):
            self.place.unlink()
        self._file.close()


def claim_again(path):
    """A Claim of the name of a file that this process writes.

    Whoever looks if he may have it holds it for a moment.

    Raises
    ------
    InUse
    OSError
        Nothing can be written there.
    """
    for pause in PAUSES:
        try:
            return Claim(path, again=True)
        except InUse:
            time.sleep(pause)
    return Claim(path, again=True)


def make_room(path, overwrite, claimed=None):
    """Claim a name, and the file that has it.

    Parameters
    ----------
    path : Path
        Its folder is made when it is missing.
    overwrite : bool
        Whether there may be such a file.
    claimed : Claim, optional
        Of the name, where the caller has it.

    Returns
    -------
    Claim, and file or None

    Raises
    ------
    FileExistsError
        There is one, and it is not to be overwritten.
    InUse
        Another process writes it.
    """
    real(path).parent.mkdir(parents=True, exist_ok=True)
    claimed = claimed or Claim(path, overwrite)
    try:
        if not path.exists():
            return claimed, None
        if overwrite:
            return claimed, claim(path)
        raise FileExistsError(f'{path} exists; --overwrite replaces it')
    except BaseException:
        claimed.close()
        raise


class Claims:
    """The names under which one run alone writes, until they are closed.

    Parameters
    ----------
    again : bool
        As of a `Claim`.
    """

    def __init__(self, again=False):
        self._again = again
        self._held = {}

    def take(self, path):
        """The Claim of a name; an earlier one stays."""
        if path not in self._held:
            self._held[path] = Claim(path, self._again)
        return self._held[path]

    def close(self):
        """Let others have all of the names."""
        for held in self._held.values():
            held.close()


def _begun(place, path, again):
    """The unfinished file, locked; None if it has just gone."""
    try:
        file, new = open(place, 'x+b'), True
    except FileExistsError:
        try:
            file, new = open(place, 'r+b'), False
        except FileNotFoundError:
            if place.is_symlink():
                raise
            return None
    if not (_lock(file, path) or new or again):
        file.close()
        raise InUse(f'{path}: {place} belongs to another run, but it has no '
                    'lock that would tell if that was killed: remove it then')
    if _is_at(file, place):
        return file
    file.close()
    return None


def _lock(file, path):
    """True if the file system has locks; nobody else has this one."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise InUse(f'{path} is being written by another process') from error
    except OSError:
        return False
    return True


def _is_at(file, place):
    """True if an open file still has its name, unless it was closed."""
    try:
        return not file.closed and os.path.samestat(
            os.fstat(file.fileno()), os.stat(place))
    except FileNotFoundError:
        return False
