"""A job that is asked to end finishes its step, and goes on later."""

import os
import signal
import time

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.runlog.checkpoints import Checkpoints
from tests.support.mpirun import parameters, rows_of, wait_for_rows

STEPS = 60

#: Steps of some 20 ms, in any of which the signal may come.
KEYS = {'run.steps': STEPS, 'run.checkpoint_every': 7,
        'problem.parameters': 50, 'scheme.name': 'aspis',
        'scheme.adversaries': 1, 'adversary.count': 1,
        'adversary.files': 'random', 'delay.name': 'constant',
        'delay.mean': 0.006}


@pytest.fixture
def whole(job, expected):
    """Parameters of the job, when it is never stopped."""
    _, log, wanted = expected(job(KEYS), 4)
    return log, wanted


def assert_goes_on(mpi, launch, path, log, whole):
    """With --resume it ends with the same bits and rows."""
    reference, wanted = whole
    ended = launch(mpi, 5, 'run', path, '--out', log, '--resume')
    assert ended.code == 0, ended.err
    assert parameters(log).tobytes() == wanted.tobytes()
    with load_run(log) as run, load_run(reference) as other:
        assert run.steps['step'].tolist() == list(range(STEPS))
        for name in ('flagged', 'source', 'contributors', 'lies'):
            np.testing.assert_array_equal(run.read(name), other.read(name))


def assert_stopped(ended, log, seen):
    """After a checkpoint, at the end of a step that was going on."""
    assert ended.code == 75, ended.err
    assert '--resume goes on' in ended.out
    assert 'Traceback' not in ended.err
    with load_run(log) as run:
        done = run.n_steps
        assert seen <= done < STEPS
        assert any('was sent SIG' in event.text or 'was sent signal' in
                   event.text for event in run.events)
    assert Checkpoints(log).paths()[0].name == f'step-{done:08d}.npz'


def test_a_signal_to_mpirun(mpi, job, start, launch, folder, whole):
    path, log = job(KEYS), folder / 'run.h5'
    running = start(mpi, 5, 'run', path, '--out', log)
    wait_for_rows(log, 5)
    seen = rows_of(log)
    running.signal(signal.SIGUSR1)
    assert_stopped(running.wait(20), log, seen)
    assert_goes_on(mpi, launch, path, log, whole)


@pytest.mark.parametrize('number', [signal.SIGUSR1, signal.SIGTERM,
                                    signal.SIGINT])
def test_a_signal_to_rank_0(mpi, number, job, start, launch, folder, whole):
    path, log = job(KEYS), folder / 'run.h5'
    running = start(mpi, 5, 'run', path, '--out', log)
    wait_for_rows(log, 5)
    seen = rows_of(log)
    os.kill(running.rank(mpi, 0), number)
    assert_stopped(running.wait(20), log, seen)
    assert_goes_on(mpi, launch, path, log, whole)


def test_one_worker_is_believed_only_where_none_can_lie(
        mpi, job, start, folder):
    """q = 0: its word ends the run.  q = 2: three have to say so."""
    few = {'delay.mean': 0.003}
    honest = few | {'scheme.adversaries': 0, 'adversary.count': 0}
    liars = few | {'scheme.adversaries': 2, 'adversary.count': 2}
    for keys, ranks in ((honest, [3]), (liars, [1, 2, 5])):
        log = folder / f'run-{len(ranks)}.h5'
        running = start(mpi, 6, 'run', job(KEYS | keys), '--out', log)
        wait_for_rows(log, 5)
        for rank in ranks[:-1]:
            os.kill(running.rank(mpi, rank), signal.SIGTERM)
        before = rows_of(log)
        if len(ranks) > 1:
            wait_for_rows(log, before + 3)
        os.kill(running.rank(mpi, ranks[-1]), signal.SIGTERM)
        assert_stopped(running.wait(20), log, before)


def test_asked_twice_it_does_not_wait_for_the_step(mpi, job, start, folder):
    """A step that does not end, as a worker has stopped."""
    path = job(KEYS | {'faults.silence': 500.0})
    log = folder / 'run.h5'
    running = start(mpi, 5, 'run', path, '--out', log)
    wait_for_rows(log, 5)
    stuck, server = running.rank(mpi, 3), running.rank(mpi, 0)
    os.kill(stuck, signal.SIGSTOP)
    for _ in range(2):
        time.sleep(1.5)
        done = rows_of(log)
        os.kill(server, signal.SIGUSR1)
    ended = running.wait(30)
    # MPICH may answer 9 when it is aborted, and Intel MPI 255.
    assert ended.code in (75, 9, 255), ended.err
    assert Checkpoints(log).paths()[0].name == f'step-{done:08d}.npz'
    assert rows_of(log) == done


def test_sigterm_to_mpirun_leaves_log_and_checkpoint(
        mpi, job, start, launch, folder, whole):
    """Open MPI kills all ranks soon after: the last checkpoint remains."""
    path, log = job(KEYS), folder / 'run.h5'
    running = start(mpi, 5, 'run', path, '--out', log)
    wait_for_rows(log, 10)
    running.signal(signal.SIGTERM)
    ended = running.wait(20)
    assert ended.code != 0
    assert Checkpoints(log).paths()
    assert_goes_on(mpi, launch, path, log, whole)
