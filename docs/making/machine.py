"""The machine on which something is measured, and what else it does."""

import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import dataclass

import h5py

from aspis_mpi.doctor import software
from aspis_mpi.words import size

#: Of what is installed, that which decides how fast something is.
LIBRARIES = ('numpy', 'scipy', 'h5py', 'mpi4py', 'torch')
#: Columns of /proc/stat that are no work: idle, and waiting for a disk.
IDLE = slice(3, 5)


def facts():
    """What is told of this machine; neither its name nor whose it is.

    Returns
    -------
    dict of str to str
    """
    found = software.look(None)
    versions = {name: found.versions[name] for name in ('Python', *LIBRARIES)}
    memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return {
        'processor': found.processor, 'cores': str(os.cpu_count()),
        'memory': size(memory),
        'system': f'{platform.system()}, {platform.machine()}',
        **versions, 'HDF5': h5py.version.hdf5_version, 'MPI': mpi()}


def mpi():
    """Name and version of the MPI library, as it says itself."""
    # By another process: one in which MPI has started may not start mpirun,
    # and one that has its module without it can never start it.
    said = subprocess.run(
        [sys.executable, '-c', 'import mpi4py\n'
         'mpi4py.rc.initialize = False\n'
         'from mpi4py import MPI\n'
         'print(MPI.Get_library_version())'],
        check=True, capture_output=True, text=True).stdout
    # What follows says where it was built, and on which host.
    return said.splitlines()[0].partition(',')[0].strip()


@dataclass(frozen=True)
class Ended:
    """What a command printed, and what else happened meanwhile."""

    printed: str
    seconds: float
    others: float       # cores that were busy with something else


def run(command, **how):
    """Run a command to its end.

    Returns
    -------
    Ended

    Raises
    ------
    subprocess.CalledProcessError
        With what it said, if its exit code is not 0.
    """
    start, before = time.monotonic(), _busy() - _ours()
    done = subprocess.run(command, check=True, capture_output=True,
                          text=True, **how)
    seconds = time.monotonic() - start
    others = (_busy() - _ours() - before) / seconds
    return Ended(done.stdout, seconds, max(0.0, others))


def _busy():
    """Seconds that the cores have worked since the machine was started."""
    with open('/proc/stat') as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return (sum(ticks) - sum(ticks[IDLE])) / os.sysconf('SC_CLK_TCK')


def _ours():
    """Seconds of them for this process and those that it has waited for."""
    return sum(used.ru_utime + used.ru_stime for used in map(
        resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
