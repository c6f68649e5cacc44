"""One run of a sweep, by its number: here, or by the ranks of a launcher."""

import sys

from aspis_mpi.backends.launcher import launch
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.sweep import records, states
from aspis_mpi.sweep.states import look


def begin(sweep, number):
    """Prepare one run; called by every rank that is to take part in it.

    Parameters
    ----------
    sweep : Sweep
    number : int
        From 1 on.

    Returns
    -------
    run : Run
    code : int or None
        The exit code if there is nothing left to do.

    Raises
    ------
    JobError
    """
    run, here = sweep.run(number), launch()
    if not here.rank and not run.record.exists():
        records.submit(sweep, simulated=not is_launched())
    # All ranks find the same: a log is written when all of them have begun.
    records.refuse_changed([run])
    state = look(run)
    if state.word not in (states.DONE, states.FAILED):
        return run, None
    if not here.rank:
        print(f'aspis_mpi: {run.title}: {state}', file=sys.stderr)
    return run, DONE if state.word == states.DONE else FAILED


def is_launched():
    """True if several ranks are to do the run, not one process."""
    here = launch()
    # SLURM's tasks that do not know of each other are refused as by `run`.
    return here.size > 1 or here.is_singleton_of_many
