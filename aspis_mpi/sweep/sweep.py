"""A sweep and its runs: the job of each, and where its files lie."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aspis_mpi.errors import JobError
from aspis_mpi.job import loading
from aspis_mpi.job.job import Job
from aspis_mpi.sweep.grid import Grid, Setting, Tables, laid_over

#: The record of the whole sweep, in the folder of its runs: a sweep file.
RECORD = 'sweep.toml'
#: Keys that would have all runs write one file.
SHARED = 'out', 'model_out'


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes
    ----------
    sweep : str
        Path of the sweep file, for messages.
    number : int
        From 1 on, as a job array counts.
    settings : tuple of Setting
        One of each axis.
    tables : dict
        The sections that its job says.
    folder : Path
        Of its files.
    """

    sweep: str
    number: int
    settings: tuple[Setting, ...]
    tables: Tables
    folder: Path

    @property
    def name(self) -> str:
        """Its name, and that of its files."""
        return '-'.join(setting.name for setting in self.settings)

    @property
    def log(self) -> Path:
        """Place of the run log."""
        return self.folder / f'{self.name}.h5'

    @property
    def model(self) -> Path:
        """Place of the trained model."""
        return self.folder / f'{self.name}.npz'

    @property
    def record(self) -> Path:
        """Place of the complete job as it was submitted."""
        return self.folder / f'{self.name}.toml'

    @property
    def said(self) -> Path:
        """Place of what the run prints, where several run at a time."""
        return self.folder / f'{self.name}.txt'

    @property
    def title(self) -> str:
        """The sweep file and the run, for messages."""
        return f'{self.sweep}: {self.name}'

    @cached_property
    def job(self) -> Job:
        """The complete job.

        Raises
        ------
        JobError
        """
        said = self.tables.get('run')
        for key in SHARED:
            if isinstance(said, dict) and key in said:
                raise JobError(
                    f'{self.title}: run.{key} = {said[key]!r}: each run has '
                    f'files of its own in {self.folder}; leave it out')
        return loading.from_tables(self.tables, self.title)


@dataclass(frozen=True)
class Sweep:
    """The runs of a grid.

    Attributes
    ----------
    path : str
        Of the sweep file.
    title : str
    base : dict
        The sections that all runs share.
    grid : Grid
    folder : Path
        Of the files of its runs.
    tables : dict
        A sweep file that needs no other file.
    """

    path: str
    title: str
    base: Tables
    grid: Grid
    folder: Path
    tables: dict[str, Any]

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """All runs, by number."""
        return tuple(
            Run(self.path, number, chosen,
                laid_over(self.base, self.grid.tables(chosen)), self.folder)
            for number, chosen in enumerate(self.grid.combinations(), 1))

    def run(self, number: int) -> Run:
        """The run of a number.

        Raises
        ------
        JobError
        """
        if not 1 <= number <= len(self.runs):
            raise JobError(f'{self.path}: --index {number}: must be between '
                           f'1 and {len(self.runs)}, the number of runs')
        return self.runs[number - 1]
