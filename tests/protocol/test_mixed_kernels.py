"""Whole runs on machines of two kinds, with a tolerance that follows."""

import os

import numpy as np
import pytest

from aspis_mpi.schemes.record import Outcome
from tests.support.mixed_kernels import MixedRun, mixed

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
K = 15


def digits(steps, **sections):
    """A job on digits, two samples a file, with a tolerance."""
    job = {'run': {'steps': steps, 'seed': 7, 'evaluate_every': 0},
           'problem': {'name': 'digits', 'model': 'mlp', 'batch_size': 30},
           'scheme': {'name': 'robust-partial', 'workers': K,
                      'adversaries': 2},
           'detection': {'equality': 'tolerance'},
           'network': {'latency': 1e-3},
           'delay': {'name': 'constant', 'mean': 0.05}}
    for section, keys in sections.items():
        job[section] = job.get(section, {}) | keys
    return job


def lost(run):
    """Files that were not used, in each step."""
    return np.array([record.files_dropped + record.files_missing
                     for record in run.records])


def test_half_of_the_machines_may_be_of_another_kind():
    """Nothing is contested, however small the gradients have become."""
    run = MixedRun(digits(80, optimizer={'lr': 0.2}), mixed(K))
    assert run.code == 0 and not lost(run).any()
    assert {record.verdict for record in run.records} == {Outcome.CLEAN}
    assert sum(record.audits for record in run.records) <= 0.1 * 80
    first, last = run.records[0].margin[0], run.records[-1].margin[0]
    assert 0 < first < 1e-6 and last > first
    assert any('workers differ by' in text for text in run.texts)


@pytest.mark.timeout(3600)
def test_a_long_run_of_certificates():
    """Two copies certify; a copy that is too far off costs its file."""
    steps = 5000 if THOROUGH else 40
    run = MixedRun(digits(
        steps, problem={'batch_size': 168},
        scheme={'name': 'aspis', 'workers': 9, 'adversaries': 1},
        detection={'name': 'certified', 'audits': 'none'},
        delay={'mean': 1.0}), mixed(9), events=10 ** 9)
    assert run.code == 0
    assert not any(record.flagged.any() or record.exposed.any()
                   or record.disagreements.any() for record in run.records)
    certified = [record.files_certified for record in run.records]
    assert np.mean(certified) >= 0.99 * 84


@pytest.mark.timeout(900)
def test_no_file_of_the_quickstart_is_put_to_the_vote():
    steps = 100 if THOROUGH else 12
    run = MixedRun(digits(
        steps, problem={'batch_size': 910},
        scheme={'name': 'aspis', 'workers': K, 'adversaries': 3}), mixed(K),
        events=10 ** 9)
    voted = [record.verdict is Outcome.VOTED for record in run.records]
    assert run.code == 0 and sum(voted) <= 0.02 * steps


def attacked(liars, steps, apart=5e-3):
    """Some workers send what is between the thresholds, always."""
    return MixedRun(digits(
        steps, optimizer={'lr': 0.2}, problem={'batch_size': 150},
        adversary={'count': len(liars), 'workers': liars, 'files': 'all',
                   'value': 'between', 'apart': apart, 'floor': 5e-5}),
        mixed(K))


@pytest.mark.timeout(900)
@pytest.mark.parametrize('apart', [5e-3, 0.9])
def test_liars_between_the_thresholds_cost_little(apart):
    """No file is lost, and whatever they do costs one more epoch."""
    steps = 60 if THOROUGH else 15
    alone, run = attacked([], steps), attacked([0, 7], steps, apart)
    assert not lost(run).any() and not run.exposes_honest()
    assert not run.wrong_files().any()
    assert max(record.epochs for record in run.records) <= 2

    def median(run):
        return np.median([record.seconds_step for record in run.records])

    def transferred(run):
        return sum(record.bytes_in + record.bytes_out
                   for record in run.records)
    assert median(run) <= 1.5 * median(alone)
    assert transferred(run) <= 1.2 * transferred(alone)
    assert np.allclose(run.values, alone.values, atol=1e-4)


def test_a_tolerance_is_kept_for_a_run_that_is_resumed():
    """The snapshot has the thresholds; what follows has equal bits."""
    job = digits(12, run={'checkpoint_every': 6}, optimizer={'lr': 0.2},
                 scheme={'name': 'aspis', 'workers': 9, 'adversaries': 1},
                 problem={'batch_size': 168},
                 detection={'name': 'certified'})
    whole = MixedRun(job, mixed(9))
    snapshot = whole.server.notes.snapshots[0]
    equality = snapshot.members.equality
    assert snapshot.step == 6 and equality.follows
    rest = MixedRun(job, mixed(9), snapshot)
    assert np.array_equal(rest.values, whole.values)
    for one, other in zip(rest.records, whole.records[6:], strict=True):
        assert one.step == other.step
        assert np.array_equal(one.margin, other.margin, equal_nan=True)
    assert rest.server.notes.snapshots[-1].members.equality == (
        whole.server.notes.snapshots[-1].members.equality) != equality
