"""The job that a rank is asked about, if any."""

import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from aspis_mpi.backends.launcher import Launch
from aspis_mpi.errors import JobError


@dataclass(frozen=True)
class Case:
    """The request of the command line, and what became of it.

    Attributes
    ----------
    here : Launch
    size, local : int
        Ranks that MPI knows, in all and on this host.
    path : str or None
        Of the job file.
    out : str or None
        The run log to be.
    settings : tuple of str
        `section.key=value`.
    assembly : Assembly or None
        Of the job.
    trouble : Exception or None
        Why there is none although there is a path.
    is_refused : bool
        The trouble is a `JobError`.
    """

    here: Launch
    size: int
    local: int = 1
    path: str | None = None
    out: str | None = None
    settings: tuple = ()
    assembly: Any = None
    trouble: Exception | None = None
    is_refused: bool = False

    @property
    def job(self):
        """The job, None without one."""
        return None if self.assembly is None else self.assembly.job

    @property
    def command(self):
        """The same under mpirun, with the ranks that the job asks for."""
        ranks = 4 if self.job is None else self.job.n_workers + 1
        words = [] if self.path is None else [str(self.path)]
        for setting in self.settings:
            words += ['--set', setting]
        return shlex.join(['mpirun', '-n', str(ranks), 'python', '-m',
                           'aspis_mpi', 'doctor', *words])

    @cached_property
    def plan(self):
        """The forecast of what the job will cost, None without one."""
        if self.job is None:
            return None
        from aspis_mpi.plan import plan_of
        return plan_of(self.assembly)


def open_case(here, size, local, path=None, settings=(), out=None):
    """Read and assemble the job; what is wrong with it becomes a trouble.

    Parameters
    ----------
    here : Launch
    size, local : int
        Ranks that MPI knows, in all and on this host.
    path : str or Path, optional
    settings : iterable of str
    out : str or Path, optional

    Returns
    -------
    Case
    """
    case = Case(here, size, local, path, out, tuple(settings))
    if path is None:
        return case
    try:
        from aspis_mpi.assembly.wiring import Assembly
        from aspis_mpi.job import loading
    except ImportError as error:
        return replace(case, trouble=error)
    ranks = max(size, here.size, here.slurm_tasks)
    try:
        job = loading.load(path, case.settings, ranks - 1 or None)
        return replace(case, assembly=Assembly(job, leads=here.rank == 0))
    except JobError as error:
        return replace(case, trouble=error, is_refused=True)
    except Exception as error:
        return replace(case, trouble=error)
