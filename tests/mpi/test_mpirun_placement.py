"""Workers placed by their hosts, on a machine that is only one."""

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from tests.support.commands import Command

HOSTS = {'scheme.name': 'robust-partial', 'scheme.adversaries': 1,
         'assignment.placement': 'hosts', 'assignment.load': 3,
         'delay.name': 'constant', 'delay.mean': 0.02}

#: A launcher that tells nothing.
SILENT = '''
from aspis_mpi.backends.mpi import ranks as mpi
patch(mpi, 'hosts', lambda nodes: None)
'''

COMMANDS = {
    'stand-ins': Command(HOSTS | {'network.hosts': [3, 2, 2]}),
    'one host': Command(HOSTS),
    'unknown': Command(HOSTS, first=SILENT)}


def told(log):
    """Sentences on the layout."""
    with load_run(log) as run:
        return [it.text for it in run.events if it.code.name == 'LAYOUT']


def test_stand_ins_place_workers_as_in_a_simulation(answers, tmp_path):
    ended = answers(7, COMMANDS)['stand-ins']
    assert ended.code == 0, ended.err
    _, log = simulate(ended.folder / 'job.toml', out=tmp_path / 'run.h5',
                      settings=['scheme.workers=6'])
    with load_run(ended.log) as run, load_run(log) as other:
        assert run.placement.tolist() != list(range(6))
        assert np.array_equal(run.incidence, other.incidence)
        assert np.array_equal(run.placement, other.placement)
        contributors = run.read('contributors')
        assert contributors.any(axis=2).all()
        assert not (contributors & ~run.incidence).any()
    with np.load(ended.log.with_suffix('.npz')) as one, np.load(
            log.with_suffix('.npz')) as two:
        assert np.array_equal(one['parameters'], two['parameters'])
    assert any('stand in for real ones' in it for it in told(ended.log))


def test_on_one_host_all_places_are_alike(answers):
    ended = answers(7, COMMANDS)['one host']
    assert ended.code == 0, ended.err
    sentence, = told(ended.log)
    assert 'at most 3 are on one, by ranks it would be 3' in sentence
    with load_run(ended.log) as run:
        assert run.placement.tolist() == list(range(6))


@pytest.mark.usefixtures('mpi')
def test_where_no_launcher_tells_ranks_are_not_asked(answers):
    ended = answers(7, COMMANDS)['unknown']
    assert ended.code == 2
    assert "assignment.placement = 'hosts'" in ended.err
    assert "set 'ranks'" in ended.err and not ended.log.exists()
