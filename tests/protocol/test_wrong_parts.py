"""No mistake of the user's code is silent, and none costs finished steps."""

import logging
import re
import sys

import numpy as np
import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.runlog.reader import load_run
from tests.support.wrong_parts import MODULE, mutants

N_MUTANTS, SEED, STEPS = 220, 13, 8

JOB = '''
[run]
steps = {steps}
evaluate_every = 2
[problem]
name = "{module}:Mine"
batch_size = 60
[optimizer]
name = "{module}:Descent"
schedule = "{module}:Halves"
[scheme]
name = "aspis"
workers = 5
adversaries = 1
'''

every_mutant = pytest.mark.parametrize(
    'mutant', mutants(SEED, N_MUTANTS), ids=str)


@pytest.fixture
def simulated(tmp_path, monkeypatch, capsys):
    """Simulates a module; exit code, what is said, and the log's path."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(logging.getLogger(), 'handlers', [])
    # What was compiled of a module would be taken for that of the next.
    monkeypatch.setattr(sys, 'dont_write_bytecode', True)

    def run(source, steps=STEPS, name='run'):
        (tmp_path / 'wrong.py').write_text(source)
        sys.modules.pop('wrong', None)
        job, out = tmp_path / 'job.toml', tmp_path / f'{name}{steps}.h5'
        job.write_text(JOB.format(steps=steps, module='wrong'))
        code = main(['simulate', str(job), '--out', str(out)])
        sys.modules.pop('wrong', None)
        return code, capsys.readouterr().err, out
    return run


def parameters(log):
    with np.load(log.with_suffix('.npz'), allow_pickle=False) as saved:
        return saved['parameters']


@pytest.fixture(scope='module')
def course():
    """Parameters of the right module after each number of steps."""
    return {}


def right(simulated, course, steps):
    if steps not in course:
        code, said, log = simulated(MODULE, steps, 'right')
        assert code == 0 and 'warning' not in said
        course[steps] = parameters(log)
    return course[steps]


def test_the_right_one_is_trained_without_a_word(simulated, course):
    whole = right(simulated, course, STEPS)
    assert not np.array_equal(whole, np.arange(6))


@every_mutant
def test_a_wrong_one_is_told_and_costs_no_finished_step(mutant, simulated,
                                                        course):
    code, said, log = simulated(mutant.source)
    assert not re.search(r'File ".*/aspis_mpi/', said), said
    assert 'NumPy array is not writ' not in said
    assert said.count('Traceback') <= 1
    if code == 2:
        # Where it is not tried long enough the start-up probe finds it.
        assert ('\naspis_mpi: ' in f'\n{said}') != log.exists()
        assert log.exists() <= ('\nerror: ' in said)
        return
    assert code in (0, 3), said

    # What was finished is in the log, and what was trained beside it.
    with load_run(log) as run:
        done = run.n_steps
        warned = [event for event in run.events
                  if event.level >= logging.WARNING]
        moved = int(np.count_nonzero(~np.isnan(run.steps['lr'])))
    assert warned or code == 0 and np.array_equal(
        parameters(log), right(simulated, course, STEPS)), said
    assert done == STEPS or code == 3
    if code == 3 and moved == done and done:
        assert np.array_equal(parameters(log),
                              right(simulated, course, done)), said
