"""Jobs that no machine has memory for: one line, and what to do."""

import numpy as np
import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.errors import BAD_JOB, Mistake
from aspis_mpi.learning.guard.mistake import told
from aspis_mpi.learning.guard.problem import Guard
from aspis_mpi.learning.problems.linear_regression import LinearRegression
from tests.support.mpirun import write_job

KEYS = {'run.steps': 1, 'problem.name': 'quadratic', 'scheme.workers': 5,
        'scheme.adversaries': 1}
#: More than an address has bits for.
VAST = 1 << 48
JOBS = {
    'quadratic': {'problem.parameters': VAST},
    'adam': {'problem.parameters': VAST, 'optimizer.name': 'adam'},
    'many samples': {'problem.name': 'linear-regression',
                     'problem.samples': VAST},
    'many parameters': {'problem.name': 'linear-regression',
                        'problem.parameters': VAST},
    'wide layers': {'problem.name': 'digits', 'problem.model': 'mlp',
                    'problem.hidden': VAST},
    'no number of a machine': {'problem.name': 'linear-regression',
                               'problem.samples': 10 ** 400}}


@pytest.mark.parametrize('name', JOBS)
def test_it_is_one_line_that_says_what_to_do(name, tmp_path, capsys):
    path = write_job(tmp_path / 'job.toml', KEYS | JOBS[name])
    command = ['simulate', str(path), '--out', str(tmp_path / 'run.h5')]
    assert main(command) == BAD_JOB
    said = capsys.readouterr().err
    assert said.count('\n') == 1
    assert said.startswith(f'aspis_mpi: {path}: ')
    assert 'not enough memory' in said or 'must be at most' in said


@pytest.mark.parametrize('name', ['quadratic', 'adam', 'wide layers'])
@pytest.mark.parametrize('command', [['plan'], ['simulate', '--check']])
def test_so_it_is_where_the_job_is_only_looked_at(name, command, tmp_path,
                                                  capsys):
    path = write_job(tmp_path / 'job.toml', KEYS | JOBS[name])
    assert main([*command, str(path)]) == BAD_JOB
    said = capsys.readouterr().err
    assert said.count('\n') == 1 and "optimizer.name = '" in said
    assert 'there is not enough memory' in said and 'make it smaller' in said


@pytest.mark.parametrize('samples, parameters', [
    (VAST, 4), (1 << 16, 1 << 32)])
def test_data_that_no_host_holds_are_told_before_there_is_a_run(
        samples, parameters, tmp_path, capsys):
    """`plan` may be asked elsewhere than the run will be."""
    path = write_job(tmp_path / 'job.toml', KEYS | {
        'problem.name': 'linear-regression', 'problem.samples': samples,
        'problem.parameters': parameters})
    assert main(['simulate', '--check', str(path)]) == BAD_JOB
    said = capsys.readouterr().err
    assert said.count('\n') == 1 and 'there is not enough memory' in said
    assert "problem.name = 'linear-regression': its data take " in said
    assert main(['plan', str(path)]) == 0
    assert 'The data alone take ' in capsys.readouterr().out


def test_a_problem_that_runs_out_of_memory_is_no_fault_of_its_lines():
    problem = Guard(LinearRegression(1, samples=VAST))
    with pytest.raises(Mistake, match='gradient: there is not enough memory'
                       ) as mistake:
        problem.gradient(0, np.zeros(100, 'f4'), np.arange(3),
                         np.zeros(100, 'f4'))
    assert not mistake.value.trace


def test_whatever_else_runs_out_of_memory_says_so_in_a_line():
    said = told(MemoryError('Unable to allocate 5 GiB'))
    assert said.startswith('aspis_mpi: there is not enough memory: Unable to')
    assert '\n' not in said
