"""The jobs of the pages under MPI, every command and figure on their logs.

For versions of the libraries that are not the usual ones: see tests/run.sh.
"""

import os
import re
import subprocess
import sys

import pytest

from aspis_mpi import load_run
from tests.support.limits import HANGS
from tests.support.mpirun import REPO, environment

pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    'ASPIS_EVERYTHING' not in os.environ,
    reason='ASPIS_EVERYTHING is not set')]

#: A busy machine is silent for longer than a job of docs/ allows.
PATIENT = ['run.steps=8', 'delay.silent=0', 'faults.silence=60']

#: Name of the preset in the job of a page, and what is set besides.
JOBS = {
    'aspis': ('aspis', ['run.steps=6', 'run.evaluate_every=3']),
    'partial': ('partial', PATIENT),
    'robust-partial': ('robust-partial', ['run.steps=8',
                                          'adversary.count=2']),
    'random-regular': ('partial', [*PATIENT,
                                   'assignment.name=random-regular'])}

FIGURES = ('accuracy', 'detection', 'completion', 'timeline', 'trust')


def from_pages(name):
    """The job with a preset, of the one page that has it."""
    pages = (REPO / 'README.md', *(REPO / 'docs').glob('*.md'))
    found = [block for page in pages for block in re.findall(
        '```toml\n(.*?)```', page.read_text(encoding='utf-8'), re.DOTALL)
        if re.search(f'^name = "{name}"', block, re.MULTILINE)
        and '[scheme]' in block]
    assert len(found) == 1
    return found[0]


def done(folder, *words):
    """What a command prints that has to succeed without a warning."""
    ended = subprocess.run(
        [sys.executable, *map(str, words)], cwd=folder, text=True,
        env=environment(folder) | {'MPLBACKEND': 'agg'}, timeout=HANGS,
        capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert 'Warning' not in ended.stderr, ended.stderr
    return ended.stdout


@pytest.mark.parametrize('name', JOBS)
def test_a_job_its_commands_and_figures(mpi, name, launch, folder):
    preset, settings = JOBS[name]
    path, log = folder / 'job.toml', folder / 'run.h5'
    path.write_text(from_pages(preset))
    settings = [f'--set={setting}' for setting in (
        *settings, 'log.detail="arrivals"')]
    ended = launch(mpi, 16, 'run', path, '--out', log, *settings)
    assert ended.code == 0, ended.err
    assert 'Warning' not in ended.err, ended.err
    with load_run(log) as run:
        assert run.n_steps >= 6
        assert run.evaluation['accuracy'][-1] > 0.2
    our = '-m', 'aspis_mpi'
    assert 'step' in done(folder, *our, 'plan', path, *settings)
    assert 'steps' in done(folder, *our, 'show', log)
    done(folder, *our, 'simulate', path, *settings, '--out', 'simulated.h5')
    done(folder, *our, 'simulate', path, *settings, '--out', 'again.h5',
         '--replay', log)
    for figure in FIGURES:
        assert done(folder, REPO / 'analysis' / f'{figure}.py', log)


def test_the_other_commands(folder):
    assert 'random-regular' in done(folder, '-m', 'aspis_mpi', 'list')
    assert 'Python' in done(folder, '-m', 'aspis_mpi', 'doctor')
