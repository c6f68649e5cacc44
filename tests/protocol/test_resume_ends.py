"""Ends of a run that can go on, and of one that cannot."""

import signal
from functools import partial

import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.runlog.checkpoints import Checkpoints
from aspis_mpi.runlog.claims import claim
from tests.support.resumed_runs import JOBS, STEPS, mortal, written


@pytest.fixture
def job(tmp_path):
    """Writes a job of six workers."""
    return partial(written, tmp_path)


def test_a_failed_run_leaves_a_checkpoint(job, tmp_path):
    """Nobody answers in step 8: what was done by then is not lost."""
    path = job({'scheme.name': 'gradient-code', 'assignment.load': 1,
                'delay.silent': [2], 'delay.silent_from': 8,
                'faults.silence': 0.5, 'run.checkpoint_every': 0})
    log = tmp_path / 'run.h5'
    assert simulate(path, out=log)[0] == FAILED
    assert [file.name for file in Checkpoints(log).paths()] == [
        'step-00000008.npz']


def test_without_its_checkpoint_a_stopped_run_has_failed(job, tmp_path,
                                                          monkeypatch):
    """Exit code 75 would let it be requeued for ever."""
    def full(self, snapshot):
        raise OSError('no space left on the device')
    monkeypatch.setattr(Checkpoints, 'save', full)
    log = tmp_path / 'run.h5'
    code, _ = simulate(job(JOBS['aspis']), mortal(signal_at=8), out=log)
    assert code == FAILED
    with load_run(log) as run:
        texts = [event.text for event in run.events]
    assert any('no space left' in text for text in texts)
    assert 'no checkpoint of its last step' in texts[-1]


def test_one_process_writes_a_log(job, tmp_path):
    log = tmp_path / 'run.h5'
    simulate(job(JOBS['aspis'] | {'run.steps': 6}), out=log)
    other = claim(log)
    with pytest.raises(JobError, match='written by another process'):
        simulate(job(JOBS['aspis']), out=log, resume=True)
    with pytest.raises(JobError, match='written by another process'):
        simulate(job(JOBS['aspis']), out=log, overwrite=True)
    other.close()
    assert simulate(job(JOBS['aspis']), out=log, resume=True)[0] == DONE


@pytest.mark.parametrize('tolerate', [1, 3])
def test_another_number_of_deaths_may_be_tolerated(tolerate, job, tmp_path):
    """More room for files of others is another design."""
    keys = JOBS['robust-partial, fixed']
    log = tmp_path / 'run.h5'
    simulate(job(keys | {'run.steps': 9}), out=log)
    code, _ = simulate(job(keys | {'faults.tolerate': tolerate}), out=log,
                       resume=True)
    assert code == DONE
    with load_run(log) as run:
        assert run.steps['step'].tolist() == list(range(STEPS))


def test_a_later_part_is_not_taken_for_a_run(job, tmp_path):
    keys, log = JOBS['aspis'], tmp_path / 'run.h5'
    simulate(job(keys | {'run.steps': 9}), out=log)
    simulate(job(keys), out=log, resume=True, settings=['scheme.workers=5'])
    with pytest.raises(JobError, match='is a later part.*run.h5'):
        simulate(job(keys), out=tmp_path / 'run.2.h5', resume=True,
                 settings=['scheme.workers=5'])


def test_a_batch_size_left_open_fits_the_workers(job, tmp_path):
    keys, log = JOBS['aspis'], tmp_path / 'run.h5'
    for steps, workers in ((6, 7), (STEPS, 5)):
        path = job(keys | {'run.steps': steps, 'scheme.workers': workers})
        text = path.read_text().replace('batch_size = 60\n', '')
        path.write_text(text)
        assert simulate(path, out=log, resume=True)[0] == DONE
    with load_run(log) as run:
        sizes = [part.option('problem', 'batch_size') for part in run.parts]
    assert sizes == [70, 20]


def test_signals_are_as_before_when_a_run_is_over(job, tmp_path):
    """Also of a command that was called within another program."""
    before = signal.getsignal(signal.SIGUSR1)
    path = str(job(JOBS['aspis'] | {'run.steps': 2}))
    assert main(['simulate', path, '--out', str(tmp_path / 'run.h5')]) == DONE
    assert signal.getsignal(signal.SIGUSR1) is before
