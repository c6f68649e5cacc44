"""Runs that a signal stops go on from their checkpoint, on a real SLURM."""

import re

import numpy as np
import pytest

from aspis_mpi import load_run
from tests.support.mpirun import REPO, parameters, rows_of

TRAIN = REPO / 'jobs' / 'train.sbatch'
REQUEUE = REPO / 'jobs' / 'requeue.sbatch'

#: Ranks of the job: five workers.
TASKS = '--ntasks=6'


def checkpoints(folder):
    """Steps that were done, of every checkpoint of a.h5."""
    files = (folder / 'a.checkpoints').glob('step-*.npz')
    return sorted(int(path.stem[5:]) for path in files)


def stopped(text):
    """How often a launcher has ended with exit code 75."""
    return len(re.findall(r'Exit code: +75', text))


def is_whole(folder, steps, expected):
    """Assert that a.h5 and its parameters are those of an unstopped run."""
    with load_run(folder / 'a.h5') as run:
        assert np.array_equal(run.steps['step'], np.arange(steps))
    assert np.array_equal(parameters(folder / 'a.h5'), expected)
    assert not (folder / 'a.2.h5').exists()


def stop_soon(cluster, folder, number):
    """Signal a job as --signal=B:USR1 does, when it has done some steps."""
    cluster.wait_for(
        number, lambda job: job.is_over or rows_of(folder / 'a.h5') > 2)
    # What was known of the job may be from before the rows.
    assert cluster.job(number).state == 'RUNNING', printed(folder, number)
    assert not cluster.ask('scancel', '--batch', '--signal=USR1',
                           number).returncode


def printed(folder, number):
    """What a job has printed."""
    return (folder / f'aspis-mpi-{number}.log').read_text()


def requeued(cluster, folder, number):
    """Wait until a job has been stopped and queued again."""
    job = cluster.wait_for(number, lambda job: job.restarts or job.is_over)
    text = printed(folder, number)
    assert job.restarts == 1, text
    assert stopped(text) == 1
    assert checkpoints(folder)


def test_stopped_run_is_resumed(cluster, folder, job, patient, expected):
    """By hand: the same command with --resume."""
    keys, hurry = patient
    path = job(keys)
    number = cluster.submit(folder, TASKS, TRAIN, path, '--out', 'a.h5')
    stop_soon(cluster, folder, number)
    ended = cluster.wait(number)
    assert (ended.state, ended.code) == ('FAILED', 75), \
        printed(folder, number)
    done = checkpoints(folder)[-1]
    assert 3 <= done < 60
    hurry()
    number = cluster.submit(folder, TASKS, TRAIN, path, '--out', 'a.h5',
                            '--resume')
    ended = cluster.wait(number)
    assert (ended.state, ended.code) == ('COMPLETED', 0), \
        printed(folder, number)
    is_whole(folder, 60, expected(path, 5))


def test_stopped_run_is_queued_again(cluster, folder, job, patient,
                                     expected):
    keys, hurry = patient
    path = job(keys)
    number = cluster.submit(folder, TASKS, REQUEUE, path, '--out', 'a.h5')
    stop_soon(cluster, folder, number)
    requeued(cluster, folder, number)
    hurry()
    ended = cluster.wait(number)
    assert (ended.state, ended.code, ended.restarts) == ('COMPLETED', 0, 1), \
        printed(folder, number)
    assert {*(folder / 'restarts').read_text().split()} == {'0', '1'}
    is_whole(folder, 60, expected(path, 5))


@pytest.mark.slow
def test_run_longer_than_its_time_limit(cluster, folder, job, patient,
                                        expected):
    """SLURM sends the signal up to half a minute early."""
    keys, hurry = patient
    path = job(keys | {'run.steps': 150})
    number = cluster.submit(folder, TASKS, '--time=2', '--signal=B:USR1@60',
                            REQUEUE, path, '--out', 'a.h5')
    requeued(cluster, folder, number)
    assert not cluster.ask('scontrol', 'update', f'JobId={number}',
                           'TimeLimit=10').returncode
    hurry()
    ended = cluster.wait(number)
    assert (ended.state, ended.code, ended.restarts) == ('COMPLETED', 0, 1), \
        printed(folder, number)
    is_whole(folder, 150, expected(path, 5))
