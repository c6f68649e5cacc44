"""Exit codes as they come through mpirun, and who says what is wrong."""

import os
import subprocess
import sys

import pytest

from aspis_mpi import load_run
from tests.support.commands import Command
from tests.support.limits import HANGS
from tests.support.mpirun import environment
from tests.support.patience import events_of

#: Two workers are enough for a job that nobody runs.
SMALL = {'scheme.name': 'uncoded', 'scheme.adversaries': 0}

RUN = Command().words

#: Below what is a file.
BELOW = '--out=file/below', '--set=run.model_out=file/below'

LONGER = (
    'from aspis_mpi.learning.problems.quadratic import Quadratic\n'
    'class Longer(Quadratic):\n'
    '    def initial(self, generator):\n'
    '        return [0.0] * 13\n')

#: What torch is to a rank that does not have it.
NO_TORCH = '''
import sys
sys.modules['torch'] = None
'''

COMMANDS = {
    'ranks': Command({'scheme.workers': 5}),
    'log': Command(SMALL, files={'run.h5': 'precious'}),
    'library': Command(SMALL | {
        'problem.name': 'digits', 'problem.model': 'convnet',
        'problem.parameters': None}, first=NO_TORCH),
    'shape': Command(SMALL | {
        'problem.name': 'longer:Longer', 'problem.parameters': 12},
        files={'longer.py': LONGER}),
    **{below: Command(SMALL, words=('run', 'job.toml', below),
                      files={'file': ''}) for below in BELOW},
    'key': Command(SMALL | {'optimizer.momentun': 0.5})}


@pytest.fixture
def refused(answers):
    """The one line of a job that is refused, and where that was."""
    def run(name):
        ended = answers(3, COMMANDS)[name]
        assert ended.code == 2, ended.err
        assert len(ended.lines) == 1, ended.err
        assert 'Traceback' not in ended.err
        return ended.lines[0], ended.folder
    return run


def test_unknown_key(refused):
    """The last one, whose code is that of mpirun."""
    line, _ = refused('key')
    assert "'optimizer.momentun'" in line and "'momentum'" in line


def test_wrong_number_of_ranks(refused):
    line, _ = refused('ranks')
    assert 'scheme.workers = 5' in line
    assert 'is 2' in line and 'mpirun -n 6' in line


def test_log_exists(refused):
    line, folder = refused('log')
    assert str(folder / 'run.h5') in line and '--overwrite' in line
    assert (folder / 'run.h5').read_bytes() == b'precious'


def test_a_library_that_is_not_installed(refused):
    line, _ = refused('library')
    assert "problem.model = 'convnet': needs torch" in line
    assert line.endswith((' -m pip install torch', 'environment.sh torch'))


def test_first_parameters_of_the_wrong_shape(answers):
    ended = answers(3, COMMANDS)['shape']
    assert ended.code == 2, ended.err
    assert 'Longer.initial gives float64 of shape (13,)' in ended.err
    assert 'Traceback' not in ended.err


@pytest.mark.parametrize('below', BELOW)
def test_directory_that_cannot_be_written(below, refused):
    line, _ = refused(below)
    assert below.partition('=')[2].rpartition('=')[2] in line


def test_mpirun_of_another_mpi(mpi, job, launch):
    """Every process believes to be rank 0 of 1."""
    if mpi == 'openmpi':
        pytest.skip('MPICH itself ends ranks that Open MPI has started')
    ended = launch(mpi, 3, 'run', job(SMALL), python=sys.executable)
    assert ended.code == 2, ended.err
    line, = ended.lines
    assert 'Traceback' not in ended.err
    assert '3 ranks, but MPI knows 1' in line and 'doctor' in line


def test_premise_that_fails(mpi, job, launch, folder):
    """Two liars where one is assumed, thrice in a row."""
    log = folder / 'run.h5'
    path = job({'scheme.adversaries': 1, 'adversary.count': 2})
    ended = launch(mpi, 6, 'run', path, '--out', log)
    assert ended.code == 3, ended.err
    with load_run(log) as run:
        assert run.n_steps == 3
        assert (run.steps['verdict'] == 0).all()
        assert 'premise failed in 3 steps' in events_of(run)[-1].text
    assert log.with_suffix('.npz').exists()


def alone(folder, *arguments, **variables):
    """The command line without a launcher."""
    return subprocess.run(
        [sys.executable, '-m', 'aspis_mpi', *map(str, arguments)],
        cwd=folder, env=environment(folder) | variables, text=True,
        capture_output=True, timeout=HANGS)


def test_run_without_mpirun(job, folder):
    done = alone(folder, 'run', job())
    assert done.returncode == 2
    line, = done.stderr.splitlines()
    assert line.startswith('aspis_mpi: ')
    assert 'mpirun -n' in line and 'simulate' in line
    assert not (folder / 'runs').exists()


def test_singletons_under_slurm(job, folder):
    """A plain srun of an MPI that does not know it: rank 0 of 1, n times."""
    path = job()
    tasks = [alone(folder, 'run', path, SLURM_STEP_NUM_TASKS='4',
                   SLURM_PROCID=str(number)) for number in range(4)]
    assert tasks[0].returncode == 2
    spoken = [line for task in tasks for line in task.stderr.splitlines()]
    line, = spoken
    assert line.startswith('aspis_mpi: ') and '4 tasks' in line
    assert os.listdir(folder) == [path.name]
