"""The agreement of launcher, SLURM and MPI on how many ranks there are."""

import shutil
import subprocess

from aspis_mpi.doctor.finding import Finding, Level, counted

TOPIC = 'launcher'

#: Seconds in which mpirun has to say its version.
LIMIT = 10.0
#: How mpirun and the library name themselves.
FAMILIES = {'open mpi': 'Open MPI', 'openrte': 'Open MPI', 'prrte': 'Open MPI',
            'hydra': 'MPICH', 'mpich': 'MPICH', 'intel(r) mpi': 'Intel MPI'}


def family(text):
    """Name of the MPI that a line of its own is about, '' if unknown.

    >>> family('mpirun (Open MPI) 5.0.11'), family('HYDRA build details:')
    ('Open MPI', 'MPICH')
    """
    text = text.lower()
    return next((name for word, name in FAMILIES.items() if word in text), '')


def mpirun_on_path():
    """Path and family of the mpirun that a shell would take.

    Returns
    -------
    path, family : str
        '' where there is none, or none that says what it is.
    """
    path = shutil.which('mpirun')
    if path is None:
        return '', ''
    try:
        done = subprocess.run([path, '--version'], capture_output=True,
                              stdin=subprocess.DEVNULL, text=True,
                              timeout=LIMIT)
    except (OSError, subprocess.TimeoutExpired):
        return path, ''
    return path, family(done.stdout[:200])


def findings(here, size, library, slurm_tasks=1, mpirun=('', ''),
             command='', advice=''):
    """One line: as launched, or what is wrong and how to launch.

    Parameters
    ----------
    here : Launch
        What the launcher's environment says.
    size : int
        Ranks that MPI knows.
    library : str
        Name of the MPI library.
    slurm_tasks : int
        Tasks of the SLURM allocation.
    mpirun : (str, str)
        Path and family, asked for when there is one rank only.
    command : str
        How to start the doctor on all ranks.
    advice : str
        About an MPI that mpi4py does not find; '' where there is none.
    """
    ours = family(library)
    if here.is_singleton_of_many:
        yield Finding(
            Level.PROBLEM, TOPIC, f'SLURM started {here.slurm_tasks} tasks, '
            f'and each is rank 0 of 1 to {ours or "MPI"}: use mpirun in the '
            'allocation, or srun with the --mpi type of this MPI (srun '
            '--mpi=list).')
    elif here.size > size:
        yield Finding(
            Level.PROBLEM, TOPIC, f'The launcher started '
            f'{counted(here.size, "rank")}, but MPI knows {size}: mpirun and '
            'libmpi belong to different MPIs; '
            f'{advice or f"use the mpirun of {ours or library}"}.')
    elif here.size < size:
        yield Finding(
            Level.PROBLEM, TOPIC, f'MPI knows {counted(size, "rank")}, but '
            'the environment names none of them: use mpirun, mpiexec or srun '
            f'of {ours or library}.')
    elif here.keeps_signals:
        yield Finding(
            Level.PROBLEM, TOPIC, f'{size} ranks, as launched, but mpirun of '
            'Intel MPI keeps signals to itself: SIGUSR1 and SIGTERM end it '
            'while the ranks run on; use mpiexec, which forwards them.')
    elif size > 1:
        yield Finding(Level.OK, TOPIC, f'{size} ranks, as launched: rank 0 '
                      f'serves, {size - 1} work.')
    else:
        yield from _alone(ours, slurm_tasks, *mpirun, command)


def _alone(ours, slurm_tasks, path, theirs, command):
    """Findings of one rank alone: what a launcher would do."""
    if path and theirs and ours and theirs != ours:
        yield Finding(
            Level.PROBLEM, TOPIC, f'{path} is of {theirs}, but Python uses '
            f'{ours}: put the mpirun of {ours} first on PATH, or install '
            'mpi4py for the other.')
    if slurm_tasks > 1:
        yield Finding(
            Level.PROBLEM, TOPIC, f'SLURM gave {slurm_tasks} tasks, but I am '
            'the only rank: start me, and the run, with mpirun or srun.')
        return
    where = f'{path} is there' if path else (
        'there is no mpirun on PATH, take the launcher of the site')
    if theirs == 'Intel MPI':
        where += ', which keeps signals to itself'
        command = command.replace('mpirun', 'mpiexec', 1)
    yield Finding(Level.NOTE, TOPIC, f'I am the only rank, {where}: '
                  f'{command} looks at all of them.')
