"""What the scripts of the experiments share: runs, verdicts and pages."""

import contextlib
import io
import logging
import subprocess
import sys
import textwrap
from dataclasses import dataclass

from aspis_mpi import simulate

#: Columns of a paragraph.
WIDTH = 79


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


@dataclass(frozen=True)
class Condition:
    """Something that must hold, and whether it does."""

    holds: bool
    sentence: str


def judge(conditions):
    """Print whether each condition holds; 0 if all do, else 1."""
    conditions = list(conditions)
    for condition in conditions:
        print('PASS:' if condition.holds else 'FAIL:', condition.sentence)
    return 0 if all(condition.holds for condition in conditions) else 1


def paragraph(text):
    """The text in lines, broken at blanks alone."""
    return textwrap.fill(text, WIDTH, break_on_hyphens=False,
                         break_long_words=False)


def markdown(headings, rows):
    """A table as Markdown."""
    return markdown_rows([headings, ['---'] * len(headings), *rows])


def markdown_rows(rows):
    """Rows of a table that has its headings, as Markdown."""
    return '\n'.join(f'| {" | ".join(map(str, row))} |' for row in rows)
