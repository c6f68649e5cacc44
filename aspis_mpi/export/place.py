"""Place of a folder that is made: it gets its name when it is whole.

Until then it is `.NAME.unfinished` beside that, under a lock.  A kill leaves
it without one; the next export of that name clears it away.
"""

import fcntl
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aspis_mpi.errors import ExportError, InUse
from aspis_mpi.runlog.claims import real, unfinished

#: What a folder is renamed to while another one takes its name.
REPLACED = '.replaced'


class Place:
    """The place of a folder that is to come, claimed until it is closed.

    Parameters
    ----------
    out : Path
        Its name in the end; the folder above it exists.
    overwrite : bool
        Whether a folder may be replaced.
    ours : callable
        Given one that is there, says the path of something that no export
        has made, or None.

    Attributes
    ----------
    folder : Path
        Where its files are made; empty at first.

    Raises
    ------
    ExportError
        There is something that is not to be replaced.
    InUse
        Another export makes the same folder.
    OSError
    """

    def __init__(self, out: Path, overwrite: bool,
                 ours: Callable[[Path], Path | None]):
        self._out = real(out)
        _check(out, overwrite, ours)
        self.folder = unfinished(out)
        self._lock = _locked(self.folder, out)
        for left in self.folder.iterdir():
            _remove(left)

    def __enter__(self) -> 'Place':
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what has no name yet, and let others have it."""
        if self.folder.is_dir() and _is_at(self._lock, self.folder):
            shutil.rmtree(self.folder)
        os.close(self._lock)

    def finish(self) -> None:
        """Give the folder its name, and remove what had it before.

        Killed between its two renames this leaves both folders, whole, under
        hidden names, and the next export clears them away.
        """
        before = self.folder.with_name(f'.{self._out.name}{REPLACED}')
        if before.exists():
            shutil.rmtree(before)
        if self._out.exists():
            self._out.rename(before)
        try:
            self.folder.rename(self._out)
        except OSError:
            if before.exists():
                before.rename(self._out)
            raise
        if before.exists():
            shutil.rmtree(before)


def _check(out: Path, overwrite: bool,
           ours: Callable[[Path], Path | None]) -> None:
    """Refuse to replace what is not to be, or is no export."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ExportError(f'{out} is a file; name a folder that is to be made')
    if not overwrite:
        raise ExportError(f'{out} exists; --overwrite replaces it')
    if (other := ours(out)) is not None:
        raise ExportError(f'{out} is not replaced, as {other} is of no '
                          'export; name another folder')


def _locked(folder: Path, out: Path) -> int:
    """Descriptor of the unfinished folder, which nobody else has now."""
    with suppress(FileExistsError):
        folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise InUse(f'{out} is being written by another process') from error
    except OSError:
        # The file system has no locks.
        return descriptor
    # Whoever had the lock may have finished meanwhile.
    if not _is_at(descriptor, folder):
        os.close(descriptor)
        raise InUse(f'{out} has just been written by another process')
    return descriptor


def _is_at(descriptor: int, folder: Path) -> bool:
    """True if an open folder still has its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(folder))
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
