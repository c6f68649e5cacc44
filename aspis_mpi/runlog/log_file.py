"""A file of the run log that is read while others may write it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.access import attributes, open_log, retried

Read = TypeVar('Read')


class LogFile:
    """An open file, which is opened anew where what it knows is too old.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    attrs : dict
        Of the root.

    Raises
    ------
    RunLogError
        It is missing, is no run log, or one of another version.
    """

    def __init__(self, path: Path):
        self.path = path
        self._file = open_log(path)
        try:
            self.attrs = {'hosts': []} | self.read('/', attributes)
            self._check()
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Close it; what was read stays."""
        self._file.close()

    def has(self, place: str) -> bool:
        """Tell whether there is a data set of that path."""
        return self.read('/', lambda root: place in root)

    def rows(self, place: str, rows: Any = ...) -> Any:
        """Some rows of a data set, by its path in the file; by default all."""
        return self.read(place, lambda data: data[rows])

    def read(self, place: str, what: Callable[[Any], Read]) -> Read:
        """The answer of `what` to a data set or group of the file.

        Raises
        ------
        RunLogError
            It cannot be read, or the file was closed.
        """
        if not self._file:
            raise RunLogError(f'{self.path} was closed')
        failed = f'{place} of {self.path} cannot be read'
        try:
            return retried(lambda: what(self._file[place]), failed,
                           self._reopen)
        except RunLogError:
            self._reopen(killed=True)
            return retried(lambda: what(self._file[place]), failed,
                           pauses=())

    def complete_rows(self) -> int:
        """T: the rows that every array holds and that reached the disk."""
        n = min(self.read(item.path, len)
                for item in schema.ROWS.values()
                if item.since <= self.attrs['version'])
        while n and self.rows(schema.STEPS.path, n - 1)['step'] < 0:
            n -= 1
        return n

    def rows_before(self, step: int | None, n: int) -> int:
        """Number of the first n rows that are of earlier steps, if given."""
        if step is None:
            return n
        numbers = self.read(schema.STEPS.path,
                            lambda data: data.fields('step')[:n])
        return int(np.searchsorted(numbers, step))

    def _check(self) -> None:
        if self.attrs.get('format') != schema.FORMAT:
            raise RunLogError(f'{self.path} is an HDF5 file, but not a run '
                              'log of aspis_mpi')
        version = self.attrs.get('version')
        if version not in range(1, schema.VERSION + 1):
            raise RunLogError(
                f'{self.path} has version {version} of the run log; this '
                f'aspis_mpi reads versions 1 to {schema.VERSION}')

    def _reopen(self, killed: bool = False) -> None:
        self._file.close()
        self._file = open_log(self.path, killed)
