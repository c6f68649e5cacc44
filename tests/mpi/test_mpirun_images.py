"""Networks for images under mpirun: the bits of a simulation."""

import numpy as np
import pytest
import tomli_w

from aspis_mpi import load_run, simulate
from tests.support.image_files import prepared_in


@pytest.mark.parametrize('network, data, batch', [
    ('lenet', 'mnist', 6), ('resnet18', 'cifar10', 4)])
def test_processes_and_audits_have_equal_bits(network, data, batch, launch,
                                              folder):
    """With crops, flips and dropout; three replicas of each file."""
    pytest.importorskip('torch')
    path = folder / 'job.toml'
    path.write_text(tomli_w.dumps({
        'run': {'steps': 2, 'seed': 7, 'evaluate_every': 0},
        'problem': {
            'name': 'images', 'crop': 4,
            'data': prepared_in(folder, data, counts=(20, 10)),
            'module': f'tests.support.image_modules:dropping_{network}',
            'flip': data != 'mnist', 'batch_size': batch, 'micro_batch': 2},
        'optimizer': {'name': 'sgd', 'lr': 0.01},
        'scheme': {'name': 'aspis', 'workers': 3, 'adversaries': 1},
        'detection': {'random_audits': 1}}))
    log = folder / 'run.h5'
    ended = launch('openmpi', 4, 'run', path, '--out', log)
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert run.attrs['mpi'] and run.n_steps == 2
        assert (run.steps['audits'] > 0).all()
        for rows in (run.exposed, run.flagged, run.read('disagreements'),
                     run.steps['files_dropped']):
            assert not rows.any()

    _, other = simulate(path, out=folder / 'simulated.h5')
    with np.load(log.with_suffix('.npz')) as ours, np.load(
            other.with_suffix('.npz')) as theirs:
        assert list(ours) == list(theirs)
        for name in ours:
            assert ours[name].tobytes() == theirs[name].tobytes(), name
    with load_run(log) as run, load_run(other) as reference:
        np.testing.assert_array_equal(run.steps['gradient_norm'],
                                      reference.steps['gradient_norm'])
