"""Facts from the launcher's environment, before MPI starts."""

import os
from dataclasses import dataclass

#: Rank and size as Open MPI, MPICH and Intel MPI, and PMIx tell them.
VARIABLES = (
    ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'),
    ('PMI_RANK', 'PMI_SIZE'),
    ('PMIX_RANK', 'SLURM_STEP_NUM_TASKS'),
)


@dataclass(frozen=True)
class Launch:
    """Rank and number of ranks, as far as the environment tells.

    Attributes
    ----------
    rank, size : int
        0 and 1 for a process that nobody launched.
    slurm_tasks : int
        Tasks of the SLURM step that this process is one of, 1 outside.
    keeps_signals : bool
        A signal ends the launcher and lets the ranks run on: `mpirun` of
        Intel MPI, a script, which tells the ranks that it has started them.
    """

    rank: int = 0
    size: int = 1
    slurm_tasks: int = 1
    slurm_rank: int = 0
    keeps_signals: bool = False

    @property
    def is_singleton_of_many(self):
        """SLURM started several tasks that do not know of each other."""
        return self.size == 1 and self.slurm_tasks > 1


def survives_deaths(environment=os.environ):
    """True if the others live on when a rank dies (ULFM of Open MPI).

    `mpirun --with-ft ulfm` says so to every rank.
    """
    return environment.get('OMPI_MCA_mpi_ft_enable') == '1'


def launch(environment=os.environ):
    """Read rank and size from the environment.

    Parameters
    ----------
    environment : mapping of str to str

    Returns
    -------
    Launch

    >>> launch({'PMI_RANK': '3', 'PMI_SIZE': '16'}).rank
    3
    """
    slurm = _number(environment, 'SLURM_STEP_NUM_TASKS', 1)
    slurm_rank = _number(environment, 'SLURM_PROCID', 0)
    for rank, size in VARIABLES:
        if rank in environment and size in environment:
            return Launch(_number(environment, rank, 0),
                          _number(environment, size, 1), slurm, slurm_rank,
                          environment.get('I_MPI_MPIRUN') == 'mpirun')
    return Launch(0, 1, slurm, slurm_rank)


def _number(environment, name, default):
    text = environment.get(name, '')
    return int(text) if text.isdigit() else default
