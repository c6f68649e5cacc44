"""Worst cases that theory predicts, reached by liars in whole runs."""

import numpy as np
import pytest

from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.assignment.worst import most_decided
from aspis_mpi.errors import DONE, JobError
from aspis_mpi.job import loading
from aspis_mpi.runlog.reader import load_run

#: Designs with what q = 2 ... 7 liars win of their files.
DESIGNS = [('mols', 15, 3, (1, 3, 5, 8, 12, 14)),
           ('ramanujan', 25, 5, (0, 1, 1, 2, 4, 5)),
           ('bibd', 15, 3, (1, 3, 6, 10, 15, 19))]


def job_of(tables, name, k, r, q, **sections):
    """A vote on each file of a design, for steps of a few numbers."""
    return loading.from_tables(tables(
        run={'steps': 2}, problem={'parameters': 4},
        scheme={'workers': k, 'adversaries': q},
        assignment={'name': name, 'replication': r},
        detection={'name': 'none'}, **sections))


@pytest.mark.parametrize('q', [2, 5, 7])
@pytest.mark.parametrize('name, k, r, wrong', DESIGNS)
def test_the_worst_workers_win_as_many_votes(tables, tmp_path, name, k, r,
                                             wrong, q):
    design = Assembly(job_of(tables, name, k, r, q))
    assert design.worst_case == wrong[q - 2]
    found = most_decided(design.assignment.incidence, r // 2 + 1, q)
    job = job_of(tables, name, k, r, q, adversary={
        'count': q, 'who': 'fixed', 'workers': list(found.workers),
        'files': 'majorities', 'value': 'constant'})
    code, path = simulate(job, out=tmp_path / 'run.h5')
    assert code == DONE
    with load_run(path) as run:
        assert run.wrong_files.tolist() == [wrong[q - 2]] * 2


@pytest.mark.parametrize('detection', ['certified', 'core', 'clique'])
@pytest.mark.parametrize('name, k, r, _', DESIGNS)
def test_designs_suit_every_rule(tables, tmp_path, name, k, r, _, detection):
    """Two liars everywhere: nobody honest is flagged, nothing is wrong."""
    job = loading.from_tables(tables(
        run={'steps': 2}, problem={'parameters': 4},
        scheme={'workers': k, 'adversaries': 2},
        assignment={'name': name, 'replication': r},
        detection={'name': detection},
        adversary={'count': 2, 'files': 'all', 'value': 'reversed'}))
    code, path = simulate(job, out=tmp_path / 'run.h5')
    assert code == DONE
    with load_run(path) as run:
        assert not (run.flagged & ~run.adversaries).any()
        assert not run.wrong_files.any()
        parameters = np.load(path.with_suffix('.npz'))['parameters']
    assert np.isfinite(parameters).all()


@pytest.mark.parametrize('name, told', [
    ('mols', 'nearest number that has one is 15'),
    ('bibd', 'nearest number that has one is 15.*assignment.shared = 2'),
    ('ramanujan', 'nearest number that has one is 15')])
def test_a_job_without_such_a_design_is_refused(tables, name, told):
    with pytest.raises(JobError, match=f'assignment.*{told}'):
        Assembly(job_of(tables, name, 16, 3, 2))
