"""A run of a sweep as a process of its own.

What takes a second, imports, is done once: by a server of the standard
library that forks for every run.  It has imported neither torch nor the
problem, which may start threads or devices that no child can have.
"""

import multiprocessing
import os
import runpy
import signal
import sys
from multiprocessing import forkserver, resource_tracker
from threading import RLock

from tqdm import tqdm

from aspis_mpi import registry
from aspis_mpi.assignment import graphs
from aspis_mpi.backends.signals import ASKING

#: Modules that are imported once, besides those of all parts.
SHARED = ('aspis_mpi.assembly.simulate', 'aspis_mpi.runlog.summary',
          *graphs.LIBRARIES, __name__)


def start(run):
    """Start the simulation of a recorded job, or let it go on.

    Parameters
    ----------
    run : Run

    Returns
    -------
    multiprocessing.Process
        Its exit code is that of `aspis_mpi simulate`.
    """
    server = multiprocessing.get_context('forkserver')
    server.set_forkserver_preload([*SHARED, *_of_parts()])
    _serve()
    words = ['simulate', str(run.record), '--out', str(run.log), '--resume']
    process = server.Process(target=become, args=(words, str(run.said)))
    process.start()
    return process


def _serve():
    """Let the server and its tracker be there, deaf to requests to end.

    A terminal, `timeout` and SLURM send them to all processes.  They are for
    the sweep, which passes them on: with the server it would lose the exit
    codes of its children.  The tracker ignores two of them by itself; killed
    by SIGUSR1 it would be started again, with a warning.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
    try:
        resource_tracker.ensure_running()
        # Whoever has started the tracker lets two signals through again.
        signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _of_parts():
    """Names of the modules of the package's parts."""
    return [part.__module__ for family in registry.FAMILIES
            for part in registry.parts(family).values()]


def become(words, said):
    """Be the process of a command, which prints to the end of a file."""
    # What is typed is for the sweep, which passes it on; what was typed
    # before is forgotten by being ignored for a moment.
    os.setsid()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGINT, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKING)
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for number in 1, 2:
        os.dup2(file, number)
    os.close(file)
    # Its own would be a semaphore of the system, of which a warning tells
    # when the process is killed.
    tqdm.set_lock(RLock())
    sys.argv = ['aspis_mpi', *words]
    runpy.run_module('aspis_mpi', run_name='__main__', alter_sys=True)
