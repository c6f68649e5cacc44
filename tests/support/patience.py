"""Runs in which some workers are silent, on a machine that is busy itself."""

import re

from aspis_mpi import load_run
from aspis_mpi.schemes.events import EventCode

#: Seconds after which a worker is silent: more, where the first are too few.
SILENCES = 1.0, 5.0, 25.0


#: The step of the start-up probe.
PROBE = -1


def patiently(run, meant, since=PROBE, after=0, silences=SILENCES):
    """Do a run until nobody is silent in it but who is meant to be, and when.

    A busy machine may let any worker wait for a second, which is then silent
    as it should be.  Where nobody else is, more patience changes nothing.

    Parameters
    ----------
    run : callable
        Does it with a `faults.silence`; answers how it ended, and its log.
    meant : int or None
        The worker; nobody.
    since : int
        The first step in which it is.
    after : int
        Files that it has finished by then.
    silences : sequence of float
        What is tried.

    Returns
    -------
    tuple
        What `run` answers, and the seconds.
    """
    for seconds in silences:
        ended, log = run(seconds)
        if all(worker == meant and (step, files) >= (since, after)
               for worker, step, files in silent_in(log)):
            break
    return ended, log, seconds


def events_of(run):
    """Events of a run that are not of a machine which did not run rank 0."""
    return [event for event in run.events
            if event.code is not EventCode.STOOD_STILL]


def stood_still(run):
    """Seconds at most that no clock of a run has counted."""
    texts = [event.text for event in run.events
             if event.code is EventCode.STOOD_STILL]
    # They are told to a tenth.
    return sum(0.1 + float(re.search(r'for (\S+) s', text)[1])
               for text in texts)


def silent_in(log):
    """Workers that were silent, in which step, after how many of its files.

    Nobody without a log.
    """
    if not log.exists():
        return []
    with load_run(log) as run:
        return [(event.rank - 1, step_of(event.text), files_of(event.text))
                for event in run.events if event.code is EventCode.SILENT]


def step_of(text):
    """The step that an event names; the probe, if it names none."""
    found = re.search(r' in step (\d+)', text)
    return int(found[1]) if found else PROBE


def files_of(text):
    """The number of files that an event names; none, if it does not."""
    found = re.search(r' after (\d+) files', text)
    return int(found[1]) if found else 0
