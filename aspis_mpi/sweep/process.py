"""A run of a sweep as a process of its own.

What takes a second, imports, is done once: by a server of the standard
library that forks for every run.  It has imported neither torch nor the
problem, which may start threads or devices that no child can have.
"""

import multiprocessing
import os
import runpy
import sys
from threading import RLock

from tqdm import tqdm

#: The modules that are imported once.
SHARED = ['aspis_mpi.assembly.simulate', 'aspis_mpi.runlog.summary', __name__]


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
    server.set_forkserver_preload(SHARED)
    words = ['simulate', str(run.record), '--out', str(run.log), '--resume']
    process = server.Process(target=become, args=(words, str(run.said)))
    process.start()
    return process


def become(words, said):
    """Be the process of a command, which prints to the end of a file."""
    # What is typed is for the sweep, which passes it on.
    os.setsid()
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for number in 1, 2:
        os.dup2(file, number)
    os.close(file)
    # Its own would be a semaphore of the system, of which a warning tells
    # when the process is killed.
    tqdm.set_lock(RLock())
    sys.argv = ['aspis_mpi', *words]
    runpy.run_module('aspis_mpi', run_name='__main__', alter_sys=True)
