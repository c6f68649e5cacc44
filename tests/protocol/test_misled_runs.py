"""Whole runs whose liars work honestly on something else."""

import numpy as np
import pytest

from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from aspis_mpi.runlog.reader import load_run

ATTACKS = {'stale': {'value': 'stale', 'age': 2},
           'label-flip': {'value': 'label-flip'}}
any_attack = pytest.mark.parametrize('attack', ATTACKS)


def job(attack, **sections):
    tables = {'run': {'steps': 6, 'seed': 5, 'evaluate_every': 0},
              'problem': {'name': 'digits', 'model': 'logistic',
                          'batch_size': 60},
              'optimizer': {'name': 'sgd', 'lr': 0.5, 'momentum': 0.0},
              'scheme': {'name': 'uncoded', 'workers': 3},
              'aggregation': {'name': 'mean'},
              'adversary': {'count': 1, 'workers': [1]} | ATTACKS[attack]}
    return loading.from_tables(tables | sections)


def run(tmp_path, job, **options):
    """The parameters at the end, and the log."""
    code, log = simulate(job, out=tmp_path / 'it.h5', overwrite=True,
                         **options)
    assert code == DONE
    with np.load(log.with_suffix('.npz')) as saved:
        return np.concatenate([saved[name].ravel() for name in saved]), log


def by_hand(job, attack):
    """The parameters where file 1, and it alone, is worker 1's."""
    it = Assembly(job)
    problem, seen = it.problem, [it.initial()]
    for step in range(job.run.steps):
        total = np.zeros(it.d)
        for file in range(3):
            lied = file == 1
            old = seen[max(0, step - 2)] if attack == 'stale' else seen[-1]
            flips = lied and attack == 'label-flip'
            out = np.zeros(it.d, dtype=np.float32)
            (problem.flipped() if flips else problem).gradient(
                old if lied else seen[-1], it.batches.samples(step, file),
                out)
            if lied and attack == 'stale' and step == 0:
                # The oldest there are: what is true has one sign changed.
                out[np.abs(out).argmax()] *= -1
            total += out
        seen.append(np.float32(seen[-1] - 0.5 * total / 60))
    return seen[-1]


@any_attack
def test_a_run_is_the_one_worked_out_by_hand(tmp_path, attack):
    it = job(attack)
    found, log = run(tmp_path, it)
    expected = by_hand(it, attack)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    with load_run(log) as told:
        assert (told.lied.sum(axis=1) == 1).all()
    honest, _ = run(tmp_path, job(attack, adversary={'count': 0}))
    assert np.abs(found - honest).max() > 1e-2


@any_attack
@pytest.mark.parametrize('sections', [
    {}, {'compression': {'keep': 0.1}}, {'transfer': {
        'name': 'coded', 'challenge': True}}],
    ids=['sums', 'few coordinates', 'coded'])
def test_whatever_the_truth_calls_a_lie_is_seen_in_a_sketch(
        tmp_path, attack, sections):
    """In the first step a stale gradient is the true one but for a sign."""
    scheme = {'name': 'robust-partial', 'workers': 7, 'adversaries': 2}
    _, log = run(tmp_path, job(
        attack, scheme=scheme, adversary={'count': 2} | ATTACKS[attack],
        **sections))
    with load_run(log) as told:
        assert told.lied[0].any() and not told.wrong_files.any()
        assert (told.exposed[0] == told.adversaries[0]).all()


REDUNDANT = {'scheme': {'name': 'aspis', 'workers': 5, 'adversaries': 2},
             'aggregation': {'name': 'median'}}


@any_attack
def test_liars_agree_without_a_channel(tmp_path, attack):
    """Each with parts and a memory of its own, and all with the same."""
    liars = {'count': 2, 'files': 'fixed-disagreement'} | ATTACKS[attack]
    it = job(attack, adversary=liars, **REDUNDANT)
    shared, log = run(tmp_path, it)
    with load_run(log) as together:
        apart = together.read('disagreements').copy()
        assert together.wrong_files.any()
    separate, log = run(tmp_path, it, separate=True)
    assert np.array_equal(shared, separate)
    with load_run(log) as alone:
        assert np.array_equal(apart, alone.read('disagreements'))


@any_attack
def test_patient_liars_tell_them_after_a_challenge(tmp_path, attack):
    """They computed the truth first, and make up the lie when asked."""
    sums = {'scheme': {'name': None, 'workers': 5, 'adversaries': 1},
            'assignment': {'name': 'cyclic', 'load': 3},
            'transfer': {'name': 'sums', 'challenge': True},
            'detection': {'audits': 'none', 'memory': 'step'},
            'aggregation': {'name': 'mean'}}
    sums['scheme'].pop('name')
    liar = {'count': 1, 'workers': [2], 'protocol': 'patient'}
    found, log = run(tmp_path, job(
        attack, adversary=liar | ATTACKS[attack], **sums))
    honest, _ = run(tmp_path, job(attack, adversary={'count': 0}, **sums))
    np.testing.assert_allclose(found, honest, rtol=1e-5, atol=1e-6)
    with load_run(log) as it:
        assert not it.wrong_files.any()
