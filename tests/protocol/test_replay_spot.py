"""Runs with spot checks, run once more with the draws of their logs."""

import h5py
import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.errors import DONE, ReplayError
from aspis_mpi.job import loading
from aspis_mpi.schemes.record import DrawKind
from tests.support.spot_replays import assert_done_again, draw, parameters
from tests.support.spot_runs import liar, tables

#: Sections of jobs in which what comes when depends on time.
RUNS = {
    'nobody lies': {},
    'a liar from step 9 on': {'adversary': liar(9, value='reversed')},
    'a liar, nothing is undone': {
        'adversary': liar(9, value='constant'),
        'detection': {'rate': 0.5, 'first': 3, 'rollback': False}},
    'two liars, without audits': {
        'scheme': {'name': 'spot', 'workers': 9, 'adversaries': 2},
        'adversary': liar(5, count=2, value='reversed'),
        'detection': {'rate': 0.8, 'first': 0, 'audits': 'none'}},
    'gradients that are not kept': {
        'adversary': liar(4, value='reversed'),
        'detection': {'rate': 0.5, 'first': 0, 'keep_gradients': False}},
    'a silent worker': {
        'delay': {'name': 'exponential', 'mean': 0.01, 'silent': [3],
                  'silent_from': 4},
        'faults': {'silence': 2.0}},
    'slow workers': {
        'delay': {'name': 'slow', 'mean': 0.01, 'workers': [2],
                  'factor': 20.0}},
}


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Runs a job with some sections; the job, and the log."""
    draw(monkeypatch, 11)

    def run(**sections):
        given = {'delay': {'name': 'exponential', 'mean': 0.01},
                 'log': {'detail': 'arrivals'}} | sections
        job = loading.from_tables(tables(**given), 'job.toml')
        code, path = simulate(job, out=tmp_path / 'first.h5')
        assert code == DONE
        # Whoever draws anew gets something else.
        draw(monkeypatch, 12)
        return job, path
    return run


@pytest.mark.parametrize('sections', RUNS.values(), ids=RUNS)
def test_the_same_draws_and_arrivals_give_the_same_bits(recorded, tmp_path,
                                                        sections):
    job, first = recorded(**sections)
    code, again = simulate(job, replay=first, out=tmp_path / 'again.h5')
    assert code == DONE
    assert parameters(first).tobytes() == parameters(again).tobytes()
    with load_run(first) as one, load_run(again) as other:
        assert_done_again(one, other)
        assert [it.end for it in one.rollbacks] == [
            it.end for it in other.rollbacks]


def test_draws_of_undone_steps_stay_and_are_told_from_others(recorded):
    _, path = recorded(**RUNS['a liar from step 9 on'])
    with load_run(path) as run:
        undone = run.undone(run.draws)
        assert run.rollbacks and run.exposed.any() and undone.any()
        assert not run.undone(run.draws[~undone]).any()


def test_where_one_check_is_not_enough_more_are_noted(recorded):
    _, path = recorded(**RUNS['two liars, without audits'])
    with load_run(path) as run:
        more = run.draws[run.draws['kind'] == DrawKind.MORE]
        assert len(more) and (more['worker'] >= 0).all()


def test_draws_are_in_the_log_without_arrivals_too(recorded):
    _, path = recorded(log={'detail': 'steps'})
    with load_run(path) as run:
        draws, steps = run.draws, run.steps
        heads, tails, due, seeds, checks, more = (
            draws[draws['kind'] == kind]
            for kind in (DrawKind.HEADS, DrawKind.TAILS, DrawKind.DUE,
                         DrawKind.CHALLENGE, DrawKind.CHECK, DrawKind.MORE))
        # A coin a turn, and a seed wherever something is looked at.
        assert sorted([*heads['turn'], *tails['turn'], *due['turn']]) == [
            *steps['turn']]
        checked = steps['step'][steps['files_checked'] > 0]
        assert {*heads['step'], *due['step']} <= set(checked) == set(
            seeds['step'])
        assert len(set(seeds['seed_low'])) == len(seeds) > 10
        # Nobody checks itself, and everybody checks one.
        owners = run.incidence.argmax(axis=1)[checks['checks']]
        assert (owners != checks['worker']).all()
        # What was answered was drawn; a liar's end may spare a check.
        answered = int(steps['files_checked'].sum())
        assert answered <= len(checks) + len(more) <= answered + 2


@pytest.mark.parametrize('end', [7, 13])
def test_a_run_that_was_given_more_steps_is_done_again(tmp_path, monkeypatch,
                                                       end):
    """The last step of its first part was checked, as the last one then."""
    def job(steps):
        return loading.from_tables(tables(
            run={'steps': steps, 'seed': 3, 'evaluate_every': 0,
                 'checkpoint_every': 5},
            delay={'name': 'exponential', 'mean': 0.01},
            log={'detail': 'arrivals'}, detection={'rate': 0.01, 'first': 0}),
            'job.toml')
    draw(monkeypatch, 11)
    first, again = tmp_path / 'first.h5', tmp_path / 'again.h5'
    simulate(job(end), out=first)
    simulate(job(20), out=first, resume=True)
    draw(monkeypatch, 12)
    code, _ = simulate(job(20), replay=first, out=again)
    assert code == DONE
    assert parameters(first).tobytes() == parameters(again).tobytes()
    with load_run(first) as one, load_run(again) as other:
        due = one.draws['step'][one.draws['kind'] == DrawKind.DUE]
        assert due.tolist() == sorted({4, 9, 14, 19, end - 1})
        assert_done_again(one, other)


def test_other_checkpoints_are_refused(recorded):
    """They decide which steps are checked, and where an exposure leads."""
    _, first = recorded()
    other = loading.from_tables(tables(
        log={'detail': 'arrivals'}, run={
            'steps': 60, 'seed': 3, 'evaluate_every': 0,
            'checkpoint_every': 7}), 'job.toml')
    with pytest.raises(JobError, match='run.checkpoint_every = 7.* with 5'):
        simulate(other, replay=first, out=first.with_name('again.h5'))


def test_a_record_without_its_last_draws_ends_in_one_line(recorded,
                                                          tmp_path):
    job, first = recorded()
    with h5py.File(first, 'r+') as file:
        # The seed of the last step, which is always checked, is lost.
        kinds = file['/draws']['kind']
        last = np.flatnonzero(kinds == DrawKind.CHALLENGE)[-1]
        file['/draws'].resize(last, axis=0)
    with pytest.raises(ReplayError, match='no challenge for step 59'):
        simulate(job, replay=first, out=tmp_path / 'again.h5')


def test_draws_of_another_run_are_noticed(recorded, tmp_path):
    job, first = recorded()
    with h5py.File(first, 'r+') as file:
        rows = file['/draws'][:]
        place = int(np.argmax(rows['kind'] == DrawKind.CHECK))
        rows['worker'][place] = 99
        file['/draws'][:] = rows
    with pytest.raises(ReplayError, match='worker 99 checks file'):
        simulate(job, replay=first, out=tmp_path / 'again.h5')
