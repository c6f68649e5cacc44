"""The runs of a sweep and how far each is, and those to be forgotten."""

from collections import Counter
from fnmatch import fnmatchcase

from aspis_mpi.errors import JobError
from aspis_mpi.sweep import records
from aspis_mpi.sweep.states import STATES, look
from aspis_mpi.words import counted, nearest


def print_list(sweep):
    """Print number, name and state of each run, and how many have which.

    Raises
    ------
    JobError
        A job is wrong.
    """
    found = [(run, look(run)) for run in sweep.runs]
    width = max(len(run.name) for run in sweep.runs)
    for run, state in found:
        print(f'{run.number:>{len(str(len(found)))}}  {run.name:<{width}}  '
              f'{state}')
    counts = Counter(state.word for _, state in found)
    told = ', '.join(f'{counts[word]} {word}' for word in STATES
                     if counts[word])
    print(f'{counted(len(found), "run")} in {sweep.folder}: {told}')


def forget(sweep, patterns):
    """Remove all that there is of some runs.

    Parameters
    ----------
    sweep : Sweep
    patterns : iterable of str
        Names, with the * and ? of a shell.

    Raises
    ------
    JobError
        A pattern fits no run, or a run is being run.
    """
    names = [run.name for run in sweep.runs]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise JobError(f'{sweep.path}: --fresh {pattern}: there is no '
                           f'such run; {nearest(pattern, names)}')
    for run in sweep.runs:
        if any(fnmatchcase(run.name, pattern) for pattern in patterns):
            records.forget(run)
