"""Adversaries that are late, between real ranks: late, but nothing wrong."""

import numpy as np
import pytest

from aspis_mpi import load_run
from tests.support.mpirun import parameters

K, LIAR, STEPS = 5, 2, 3
SECONDS = 0.3
KEYS = {'run.steps': STEPS, 'problem.name': 'quadratic',
        'problem.parameters': 50, 'collection.name': 'all',
        'aggregation.name': 'mean', 'faults.silence': 30.0,
        'adversary.count': 1, 'adversary.workers': [LIAR],
        'adversary.value': 'honest', 'adversary.protocol': 'late',
        'adversary.seconds': SECONDS}
TRANSFERS = {
    'replicas': {},
    'sums': {'scheme.name': 'robust-partial', 'scheme.adversaries': 1}}


@pytest.mark.parametrize('transfer', TRANSFERS)
def test_late_answers_are_waited_for_and_right(mpi, transfer, job, launch,
                                               expected, folder):
    log = folder / 'run.h5'
    path = job(KEYS | TRANSFERS[transfer])
    ended = launch(mpi, K + 1, 'run', path, '--out', log)
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert run.n_steps == STEPS
        assert np.flatnonzero(run.dawdles.all(axis=0)).tolist() == [LIAR]
        assert not run.wrong_files.any() and not run.exposed.any()
        if transfer == 'replicas':
            # One after the other, whatever else the ranks did.
            files = run.files_done[:, LIAR].astype(float)
            assert (run.last_report[:, LIAR] >= SECONDS * files).all()
    # What is exact does not depend on time.
    _, _, wanted = expected(path, K)
    assert parameters(log).tobytes() == wanted.tobytes()
