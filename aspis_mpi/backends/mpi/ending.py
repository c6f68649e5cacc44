"""The end of a rank that cannot end in order."""

import atexit
import logging
import os
import sys
import time

from aspis_mpi.backends.launcher import survives_deaths

log = logging.getLogger(__name__)

#: Seconds that a rank in trouble waits for the others before it aborts, and
#: rank 0 at the end where somebody is silent.
GRACE = 5.0

#: Seconds that rank 0 leaves the others to end, where MPI cannot wait for
#: them.
LAST = 1.0

UNANSWERED = 'not every rank answered within {:g} s'


def abort(comm, code, reason):
    """End every rank now, and say why."""
    log.error('rank %d aborts the job: %s', comm.rank, reason)
    if survives_deaths():
        # There an abort waits for the others, whom only this tells.
        comm.Revoke()
        time.sleep(LAST)
    comm.Abort(code)


def depart(code, patience=0.0):
    """Let this process end without MPI's finalization, which may hang.

    After the death of a rank MPI cannot wait for all any more.

    Parameters
    ----------
    code : int
        The exit code, whatever the caller's own is.
    patience : float
        Seconds until then.
    """
    @atexit.register
    def end():
        time.sleep(patience)
        _exit(code)


def _exit(code):
    for stream in sys.stdout, sys.stderr:
        stream.flush()
    os._exit(code)
