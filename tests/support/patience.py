"""Runs in which some workers are silent, on a machine that is busy itself."""

from aspis_mpi import load_run
from aspis_mpi.schemes.events import EventCode

#: Seconds after which a worker is silent: more, where the first are too few.
SILENCES = 1.0, 5.0, 25.0


def patiently(run, meant, silences=SILENCES):
    """Do a run until nobody is silent in it but who is meant to be.

    A busy machine may let any worker wait for a second, which is then silent
    as it should be.  Where nobody else is, more patience changes nothing.

    Parameters
    ----------
    run : callable
        Does it with a `faults.silence`; answers how it ended, and its log.
    meant : int or None
        The worker; nobody.
    silences : sequence of float
        What is tried.

    Returns
    -------
    tuple
        What `run` answers, and the seconds.
    """
    for seconds in silences:
        ended, log = run(seconds)
        if silent_in(log) <= {meant}:
            break
    return ended, log, seconds


def silent_in(log):
    """Workers that were silent in a run; none where it was refused."""
    if not log.exists():
        return set()
    with load_run(log) as run:
        return {event.rank - 1 for event in run.events
                if event.code is EventCode.SILENT}
