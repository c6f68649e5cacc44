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
REACTIVE = {key: value for key, value in KEYS.items()
            if key != 'detection.first'} | {
                'scheme.name': 'reactive-random', 'scheme.adversaries': 2,
                'adversary.count': 2, 'adversary.value': 'bit-flip'}
JOBS = {'honest': KEYS, 'liar': KEYS | LIAR,
        'nothing undone': KEYS | LIAR | {'detection.rollback': False}}


@pytest.mark.parametrize('name', JOBS)
def test_a_run_with_spot_checks_has_the_same_bits_again(series, name, job,
                                                        folder):
    done = series(K + 1, JOBS)
    assert done.codes[name] == DONE
    same_again(JOBS[name], name, done.logs[name], job, folder)


#: Of the randomised scheme, and of the one that looks at every step.
COMPARED = {'by chance': REACTIVE, 'every step': REACTIVE | {
    'scheme.name': 'reactive', 'detection.rate': 1.0}}


@pytest.mark.parametrize('name', COMPARED)
def test_sums_that_are_compared_give_the_same_bits_again(series, name, job,
                                                         folder, expected):
    done = series(K + 1, COMPARED)
    assert done.codes[name] == DONE
    keys, log = COMPARED[name], done.logs[name]
    same_again(keys, name, log, job, folder)
    with load_run(log) as run:
        assert run.exposed.any() and not run.exposed[
            ~run.adversaries].any()
        wrong = run.wrong_files
    if name == 'every step':
        # One bit of one number is enough.
        _, _, wanted = expected(job(keys | {'adversary.count': 0}), K)
        assert not wrong.any()
        assert parameters(log).tobytes() == wanted.tobytes()


def same_again(keys, name, first, job, folder):
    """Replay a log, and compare."""
    again = folder / 'again.h5'
    assert simulate(job(keys), replay=first, out=again,
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
