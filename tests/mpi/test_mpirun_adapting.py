"""Files follow speeds under MPI, and what is recorded is found again."""

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from tests.support.commands import Command
from tests.support.patience import stood_still

SLOW = [1, 2]
JOB = {'run.steps': 12, 'scheme.name': 'robust-partial',
       'scheme.adversaries': 1, 'assignment.load': 3, 'assignment.adapt': 1,
       'delay.name': 'slow', 'delay.mean': 0.02, 'delay.factor': 10.0,
       'delay.workers': SLOW, 'log.detail': 'arrivals'}
COMMANDS = {
    'sums': Command(JOB),
    'placed': Command(JOB | {'network.hosts': [3, 2, 2],
                             'assignment.placement': 'hosts',
                             'delay.workers': [1, 2, 3]}),
    'split': Command(JOB | {
        'problem.batch_size': 240, 'problem.file_sizes': 'zipf',
        'problem.summation': 'tree', 'problem.micro_batch': 2,
        'assignment.split': True}),
    # Who lies is waited for, too, and so is exposed.
    'lied': Command(JOB | {'adversary.count': 1, 'adversary.workers': [4],
                           'collection.name': 'all'})}


def held(order):
    return (order >= 0).sum(axis=1)


def test_slow_workers_get_what_nobody_waits_for(answers, tmp_path):
    ended = answers(7, COMMANDS)['sums']
    assert ended.code == 0, ended.err
    with load_run(ended.log) as run:
        layouts = [held(order) for _, order in run.orders]
        assert not run.exposed.any() and not run.wrong_files.any()
        # Six files on two slow neighbours: two of three copies of one.
        assert run.steps['seconds_step'][0] + stood_still(run) >= 0.2
    # On a busy machine others may be as slow, but not all the time.
    assert min(files[SLOW].max() for files in layouts) <= 1
    assert all(files.sum() >= 18 for files in layouts)

    _, again = simulate(ended.folder / 'job.toml', replay=ended.log,
                        out=tmp_path / 'again.h5')
    with np.load(ended.log.with_suffix('.npz')) as one, np.load(
            again.with_suffix('.npz')) as two:
        assert np.array_equal(one['parameters'], two['parameters'])
    with load_run(ended.log) as run, load_run(again) as other:
        assert len(run.orders) > 1
        for (step, mine), (same, theirs) in zip(run.orders, other.orders):
            assert step == same and np.array_equal(mine, theirs)


@pytest.mark.parametrize('name', ['placed', 'split'])
def test_a_run_is_done_again_with_its_layouts(answers, tmp_path, name):
    """Also where hosts stand in, on the host that there is."""
    ended = answers(7, COMMANDS)[name]
    assert ended.code == 0, ended.err
    _, again = simulate(ended.folder / 'job.toml', replay=ended.log,
                        out=tmp_path / 'again.h5')
    with load_run(ended.log) as run, load_run(again) as other:
        assert len(run.orders) > 1
        assert [step for step, _ in run.orders] == [
            step for step, _ in other.orders]
        for (_, mine), (_, theirs) in zip(run.orders, other.orders):
            assert np.array_equal(mine, theirs)


def test_a_liar_is_exposed_and_has_no_files_in_any_layout(answers):
    ended = answers(7, COMMANDS)['lied']
    assert ended.code == 0, ended.err
    with load_run(ended.log) as run:
        assert run.exposed[-1].nonzero()[0].tolist() == [4]
        assert not run.wrong_files.any()
        assert not held(run.order_at(11))[4]
