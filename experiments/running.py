"""Runs of an experiment: between real ranks, and on the virtual clock."""

import argparse
import contextlib
import io
import logging
import os
import subprocess
import sys
from pathlib import Path

from aspis_mpi import simulate

#: Where run logs go, a folder for each experiment.
RUNS = Path(__file__).resolve().parents[1] / 'runs'


def parser(doc):
    """The parser of an experiment's command line, with what all have.

    Parameters
    ----------
    doc : str
        Of the experiment's module.

    Returns
    -------
    ArgumentParser
    """
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument('--processes', type=int, default=os.cpu_count(),
                      metavar='N', help='simulations at a time')
    return made


def run_mpi(job, log, settings, n_ranks=16, readable=(0,), timeout=None):
    """Run a job between real ranks on this machine.

    Parameters
    ----------
    job, log : Path
        An older log is overwritten.
    settings : iterable of str
        `section.key=value`.
    n_ranks : int
        The parameter server and the workers.
    readable : tuple of int
        Exit codes of runs that leave a log to read.
    timeout : float, optional
        Seconds after which the run is given up.

    Raises
    ------
    RuntimeError
        It ended with another exit code.
    """
    line = ['mpirun', '--oversubscribe', '-n', str(n_ranks), sys.executable,
            '-m', 'aspis_mpi', 'run', str(job), '--overwrite',
            '--out', str(log)]
    for setting in settings:
        line += ['--set', setting]
    done = subprocess.run(line, capture_output=True, text=True,
                          timeout=timeout)
    if done.returncode not in readable:
        raise RuntimeError(f'{" ".join(line)} ended with '
                           f'{done.returncode}:\n{done.stderr}')


def run_simulated(job, log, settings, readable=(0,)):
    """Run a job on the virtual clock and print nothing; else `run_mpi`."""
    # Its warnings are in the log, its progress lines would be too many.
    logging.getLogger('aspis_mpi').setLevel(logging.CRITICAL)
    with contextlib.redirect_stderr(io.StringIO()):
        code, _ = simulate(job, settings=settings, out=log, overwrite=True)
    if code not in readable:
        raise RuntimeError(f'{log}: the simulation ended with {code}')
