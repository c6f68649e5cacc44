"""Runs of real ranks, whose draws nobody can foresee, done once more.

What a log has of arrivals and draws is enough for the same bits.
"""

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.errors import DONE
from tests.support.mpirun import parameters

K = 5
KEYS = {'run.steps': 24, 'run.checkpoint_every': 4,
        'problem.name': 'quadratic', 'problem.parameters': 13,
        'scheme.name': 'spot', 'scheme.adversaries': 1,
        'assignment.load': 2, 'detection.rate': 0.5, 'detection.first': 0,
        'delay.name': 'exponential', 'delay.mean': 0.002,
        'log.detail': 'arrivals'}
LIAR = {'adversary.count': 1, 'adversary.value': 'reversed',
        'adversary.who': 'tests.support.late_liar:Late',
        'adversary.begins': 6}
JOBS = {'honest': KEYS, 'liar': KEYS | LIAR,
        'nothing undone': KEYS | LIAR | {'detection.rollback': False}}


@pytest.mark.parametrize('name', JOBS)
def test_a_run_with_spot_checks_has_the_same_bits_again(series, name, job,
                                                        folder):
    done = series(K + 1, JOBS, limit=110)
    assert done.codes[name] == DONE
    first = done.logs[name]
    again = folder / 'again.h5'
    assert simulate(job(JOBS[name]), replay=first, out=again,
                    settings=[f'scheme.workers={K}'])[0] == DONE
    assert parameters(first).tobytes() == parameters(again).tobytes()
    with load_run(first) as one, load_run(again) as other:
        assert len(one.draws) and np.array_equal(one.draws, other.draws)
        for column in ('worker', 'kind', 'turn', 'finished'):
            assert np.array_equal(one.arrivals[column],
                                  other.arrivals[column])
        assert [it.end for it in one.rollbacks] == [
            it.end for it in other.rollbacks]
        assert np.array_equal(one.exposed, other.exposed)
        if name == 'liar':
            assert one.exposed.any() and one.rollbacks
            # The next checked step shows it, as all its files are wrong.
            assert not one.wrong_files.any()
