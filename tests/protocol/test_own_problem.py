"""Runs of a problem that the caller brings go on, and are run once more."""

import numpy as np
import pytest

from aspis_mpi import JobError, simulate
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.protocol.server.machine import DONE

JOB = '''
[run]
steps = 8
checkpoint_every = 3
[problem]
batch_size = 61
[scheme]
name = 'partial'
workers = 7
[log]
detail = 'arrivals'
'''


def brought(name='Local'):
    """A problem whose class no import finds, with an option."""
    class Local(Quadratic):
        def __init__(self, seed=3, *, parameters: int):
            super().__init__(seed, parameters=parameters)
    Local.__qualname__ = Local.__qualname__.replace('Local', name)
    return Local(parameters=30)


@pytest.fixture
def job(tmp_path):
    path = tmp_path / 'job.toml'
    path.write_text(JOB)
    return path


def parameters(path):
    with np.load(path.with_suffix('.npz')) as saved:
        return saved['parameters'].tobytes()


@pytest.mark.parametrize('way', ['resume', 'replay'])
def test_it_is_told_by_its_name_alone(way, job, tmp_path):
    log, out = tmp_path / 'run.h5', tmp_path / 'again.h5'
    simulate(job, brought(), out=log)
    whole = parameters(log)
    options = {'replay': log, 'out': out}
    if way == 'resume':
        simulate(job, brought(), settings=['run.steps=5'], out=out)
        options = {'resume': True, 'out': out}

    told = f"problem.name = '.*Other': --{way}.* was run with '.*Local'"
    with pytest.raises(JobError, match=told):
        simulate(job, brought('Other'), **options)
    code, again = simulate(job, brought(), **options)
    assert code == DONE and parameters(again) == whole
