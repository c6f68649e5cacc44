"""Adversaries that are late, between real ranks: late, but nothing wrong."""

import numpy as np
import pytest

from aspis_mpi import load_run
from tests.support.mpirun import parameters
from tests.support.patience import stood_still

K, LIAR, STEPS = 5, 2, 3
SECONDS = 0.1
KEYS = {'run.steps': STEPS, 'problem.name': 'quadratic',
        'problem.parameters': 50, 'collection.name': 'all',
        'aggregation.name': 'mean', 'faults.silence': 30.0,
        'adversary.count': 1, 'adversary.workers': [LIAR],
        'adversary.value': 'honest', 'adversary.protocol': 'late',
        'adversary.seconds': SECONDS}
TRANSFERS = {
    'replicas': {},
    'sums': {'scheme.name': 'robust-partial', 'scheme.adversaries': 1}}


JOBS = {name: KEYS | keys for name, keys in TRANSFERS.items()}


@pytest.mark.parametrize('transfer', JOBS)
def test_late_answers_are_waited_for_and_right(transfer, series, job,
                                               expected):
    done = series(K + 1, JOBS)
    path, log = job(JOBS[transfer]), done.logs[transfer]
    assert done.codes[transfer] == 0
    with load_run(log) as run:
        assert run.n_steps == STEPS
        assert np.flatnonzero(run.dawdles.all(axis=0)).tolist() == [LIAR]
        assert not run.wrong_files.any() and not run.exposed.any()
        if transfer == 'replicas':
            # One after the other, whatever else the ranks did.
            files = run.files_done[:, LIAR].astype(float)
            took = run.last_report[:, LIAR] + stood_still(run)
            assert (took >= SECONDS * files).all()
    # What is exact does not depend on time.
    _, _, wanted = expected(path, K)
    assert parameters(log).tobytes() == wanted.tobytes()
