"""A run goes on with more steps and other workers, never as another job."""

from functools import partial

import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.errors import DONE
from aspis_mpi.runlog.checkpoints import Checkpoints
from tests.support.resumed_runs import (
    JOBS, STEPS, Killed, mortal, saved, written)


@pytest.fixture
def job(tmp_path):
    """Writes a job of six workers."""
    return partial(written, tmp_path)


def test_more_steps_than_were_asked_for_first(job, tmp_path):
    whole, log = tmp_path / 'whole.h5', tmp_path / 'longer.h5'
    keys = JOBS['aspis'] | {'run.evaluate_every': 0}
    simulate(job(keys), out=whole)
    simulate(job(keys | {'run.steps': 11}), out=log)
    simulate(job(keys), out=log, resume=True)
    assert saved(log).tobytes() == saved(whole).tobytes()
    with load_run(log) as run:
        assert run.n_steps == STEPS == run.config['run']['steps']


@pytest.mark.parametrize('keys, said', [
    ({'faults.tolerate': 3}, 'a worker could have 2 files while others are '
     'away, now 3'),
    ({'scheme.workers': 7}, '6 workers with 6 files were there, now 7 with 7 '
     'and 60 samples a step')])
def test_it_is_said_why_the_log_goes_on_in_another_file(keys, said, job,
                                                        tmp_path):
    """Room for files of more absent workers is another table, too."""
    log = tmp_path / 'run.h5'
    spot = {'scheme.name': 'spot', 'scheme.adversaries': 1,
            'assignment.load': 1, 'run.steps': 4}
    simulate(job(spot), out=log)
    simulate(job(spot | {'run.steps': 6} | keys), out=log, resume=True)
    with load_run(log) as run:
        assert len(run.parts) == 2 and run.n_steps == 6
        assert f'{said}: the log goes on in another file' in [
            it.text for it in run.events]


@pytest.mark.parametrize('key, value', [
    ('run.seed', 4), ('optimizer.lr', 0.01), ('scheme.adversaries', 1),
    ('problem.batch_size', 80)])
def test_another_job_is_refused(key, value, job, tmp_path):
    log = tmp_path / 'run.h5'
    simulate(job(JOBS['aspis'] | {'run.steps': 6}), out=log)
    with pytest.raises(JobError, match=f'{key} = {value}: --resume'):
        simulate(job(JOBS['aspis'] | {key: value}), out=log, resume=True)


def test_without_resume_nothing_is_overwritten(job, tmp_path):
    path, log = job(JOBS['aspis'] | {'run.steps': 6}), tmp_path / 'run.h5'
    simulate(path, out=log)
    with pytest.raises(JobError, match='--resume or --overwrite'):
        simulate(path, out=log)
    # Checkpoints alone, of a log that was moved, are in the way, too.
    log.rename(tmp_path / 'moved.h5')
    (tmp_path / 'run.npz').unlink()
    with pytest.raises(JobError, match='run.checkpoints: exists already'):
        simulate(path, out=log)
    simulate(path, out=log, overwrite=True)
    names = [file.name for file in Checkpoints(log).paths()]
    assert names == ['step-00000006.npz', 'step-00000005.npz']


@pytest.mark.parametrize('options, text', [
    ({'resume': True, 'overwrite': True}, 'only one of them'),
    ({'resume': True}, 'name the run log')])
def test_options_that_do_not_fit(options, text, job):
    with pytest.raises(JobError, match=text):
        simulate(job(JOBS['aspis']), **options)


# -- other workers

def test_fewer_and_more_workers(job, tmp_path):
    """Each time the run goes on in a log of its own, and right."""
    keys = JOBS['aspis'] | {'run.evaluate_every': 0}
    log = tmp_path / 'run.h5'
    simulate(job(keys | {'run.steps': 12}), out=log)
    settings = ['scheme.workers=5', 'run.steps=17']
    assert simulate(job(keys), out=log, resume=True,
                    settings=settings) == (DONE, log)
    assert simulate(job(keys), out=log, resume=True,
                    settings=['scheme.workers=7']) == (DONE, log)
    assert (tmp_path / 'run.3.h5').exists()
    with load_run(log) as run:
        assert run.steps['step'].tolist() == list(range(STEPS))
        assert [part.n_workers for part in run.parts] == [6, 5, 7]
        assert [part.n_steps for part in run.parts] == [12, 5, 7]
        assert not run.wrong_files.any()

    # The quadratic is exact: every honest step is the mean of its batch.
    with np.load(Checkpoints(log).paths()[0]) as newest:
        assert newest['parameters'].tobytes() == saved(log).tobytes()


@pytest.mark.parametrize('workers', [5, 6, 7])
def test_exposures_are_those_of_the_same_workers(workers, job, tmp_path):
    """Of others nobody says that worker 1 is the one that it was."""
    keys = {'scheme.adversaries': 1, 'detection.memory': 'forever',
            'detection.budget': 'fixed', 'adversary.count': 1,
            'adversary.workers': [1], 'run.evaluate_every': 0}
    log, settings = tmp_path / 'run.h5', [f'scheme.workers={workers}']
    simulate(job(keys | {'run.steps': 9}), out=log)
    assert simulate(job(keys), out=log, resume=True,
                    settings=settings) == (DONE, log)
    with load_run(log) as run:
        parts = run.parts
        assert np.flatnonzero(parts[0].excluded[8]).tolist() == [1]
        first = run.steps['step'].tolist().index(9) - sum(
            part.n_steps for part in parts[:-1])
        assert np.flatnonzero(parts[-1].excluded[first]).tolist() == (
            [1] if workers == 6 else [])
        assert not run.wrong_files.any()
        assert run.attrs['hosts_from'] == 'simulated'
        forgotten = ['what was known is forgotten' in event.text
                     for event in run.events]
        assert any(forgotten) == (workers != 6)


def test_the_same_workers_again_go_on_in_the_last_part(job, tmp_path):
    keys = JOBS['aspis'] | {'run.evaluate_every': 0}
    log, fewer = tmp_path / 'run.h5', ['scheme.workers=5']
    simulate(job(keys | {'run.steps': 12}), out=log)
    simulate(job(keys), out=log, resume=True,
             settings=[*fewer, 'run.steps=17'])
    simulate(job(keys), out=log, resume=True, settings=fewer)
    with load_run(log) as run:
        assert [part.n_steps for part in run.parts] == [12, 12]


def test_rows_past_the_checkpoint_are_those_of_the_later_part(job, tmp_path):
    keys, log = JOBS['aspis'], tmp_path / 'run.h5'
    with pytest.raises(Killed):
        simulate(job(keys), mortal(dies_at=10), out=log)
    simulate(job(keys), mortal(), out=log, resume=True,
             settings=['scheme.workers=5'])
    with load_run(log) as run:
        assert run.steps['step'].tolist() == list(range(STEPS))
        assert [part.n_workers for part in run.parts] == [6, 5]
        assert run.evaluation['step'].tolist() == list(range(STEPS + 1))
