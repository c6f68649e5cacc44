"""Uneven and split files under both MPIs: the bits of whole and simulated."""

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.learning.sizes import zipf

#: Gradients whose bits depend on the order in which they are added.
DIGITS = {'problem.name': 'digits', 'problem.model': 'logistic',
          'problem.parameters': None, 'problem.batch_size': 120,
          'problem.file_sizes': 'zipf', 'problem.summation': 'tree',
          'scheme.name': None, 'assignment.name': 'cyclic',
          'assignment.load': 3, 'scheme.adversaries': 1,
          'aggregation.name': 'median'}
SPLIT = {'assignment.split': True}
LIAR = {'adversary.count': 1, 'adversary.files': 'random',
        'detection.memory': 'forever'}
JOBS = {'whole': DIGITS, 'split': DIGITS | SPLIT,
        'split, a liar': DIGITS | SPLIT | LIAR,
        'split sums': DIGITS | SPLIT | LIAR | {
            'scheme.name': 'robust-partial', 'aggregation.name': None,
            'collection.name': 'all',       # so that nobody is too late
            'problem.name': 'quadratic', 'problem.model': None,
            'problem.parameters': 500}}


@pytest.fixture
def done(series):
    """All of these jobs, one after the other, by five workers."""
    return series(6, JOBS)


def vector(log):
    with np.load(log.with_suffix('.npz')) as saved:
        return b''.join(saved[name].tobytes() for name in sorted(saved))


@pytest.mark.parametrize('name', JOBS)
def test_ranks_give_the_bits_of_the_simulation(done, job, folder, name):
    assert done.codes[name] == 0, done.ended.err
    _, log = simulate(job(JOBS[name]), settings=['scheme.workers=5'],
                      out=folder / 'expected.h5', overwrite=True)
    assert vector(done.logs[name]) == vector(log)


def test_split_files_give_the_bits_of_whole_ones(done):
    assert vector(done.logs['split']) == vector(done.logs['whole'])
    assert vector(done.logs['split, a liar']) == vector(done.logs['whole'])


@pytest.mark.parametrize('name', ['split, a liar', 'split sums'])
def test_a_liar_on_nodes_is_exposed(done, name):
    with load_run(done.logs[name]) as run:
        assert (run.exposed[-1] == run.adversaries[-1]).all()
        assert run.n_files > 5 and not run.wrong_files.any()
        assert np.bincount(run.wholes, run.samples).tolist() == (
            zipf(120, 5).tolist())
