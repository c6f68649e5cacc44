"""The sweeps of jobs/ on a real SLURM: a run for each task of an array."""

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.sweep.states import look
from tests.support.mpirun import REPO, parameters, rows_of
from tests.support.sweep_files import NAMES, sweep_in

SWEEP = REPO / 'jobs' / 'sweep.sbatch'
GRID = REPO / 'jobs' / 'grid.sbatch'
SWEEP_REQUEUE = REPO / 'jobs' / 'sweep-requeue.sbatch'


def test_each_task_runs_a_seed_of_its_own(cluster, folder, job, expected):
    path = job()
    number = cluster.submit(folder, '--ntasks=3', '--array=2-3', SWEEP, path,
                            '--set', 'run.steps=4')
    for task in (2, 3):
        ended = cluster.wait(f'{number}_{task}')
        printed = (folder / f'aspis-sweep-{number}-{task}.log').read_text()
        assert (ended.state, ended.code) == ('COMPLETED', 0), printed
        log = folder / 'runs' / f'aspis-sweep-{number}-{task}.h5'
        with load_run(log) as run:
            assert run.attrs['seed'] == task
            assert run.n_steps == 4
        alone = expected(path, 2, f'run.seed={task}', 'run.steps=4')
        assert np.array_equal(parameters(log), alone)
    assert len(list((folder / 'runs').glob('*.h5'))) == 2


def test_finished_task_that_is_queued_again(cluster, folder, job):
    """It neither trains again nor fails because its log exists."""
    number = cluster.submit(folder, '--ntasks=3', '--array=1', SWEEP, job())
    task = f'{number}_1'
    assert cluster.wait(task).state == 'COMPLETED'
    log = folder / 'runs' / f'aspis-sweep-{number}-1.h5'
    before = log.read_bytes()
    assert cluster.ask('scontrol', 'requeue', task).returncode == 0
    ended = cluster.wait_for(task, lambda job: job.restarts and job.is_over)
    printed = (folder / f'aspis-sweep-{number}-1.log').read_text()
    assert (ended.state, ended.code) == ('COMPLETED', 0), printed
    assert log.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize('stopped', [1, 2])
def test_stopped_task_is_queued_again_alone(cluster, folder, job, patient,
                                            expected, stopped):
    """Also the last one, whose number is that of the array."""
    keys, hurry = patient
    path = job(keys)
    number = cluster.submit(folder, '--ntasks=6', '--array=1-2',
                            SWEEP_REQUEUE, path)
    logs = {task: folder / 'runs' / f'aspis-sweep-{number}-{task}.h5'
            for task in (1, 2)}
    task = f'{number}_{stopped}'
    cluster.wait_for(task, lambda job: job.is_over
                     or all(rows_of(log) > 2 for log in logs.values()))
    assert not cluster.ask('scancel', '--batch', '--signal=USR1',
                           task).returncode
    cluster.wait_for(task, lambda job: job.restarts or job.is_over)
    hurry()
    for each, log in logs.items():
        ended = cluster.wait(f'{number}_{each}')
        printed = (folder / f'aspis-sweep-{number}-{each}.log').read_text()
        assert (ended.state, ended.code, ended.restarts) == (
            'COMPLETED', 0, int(each == stopped)), printed
        with load_run(log) as run:
            assert np.array_equal(run.steps['step'], np.arange(60))
        alone = expected(path, 5, f'run.seed={each}')
        assert np.array_equal(parameters(log), alone)


def test_each_task_does_a_run_of_a_sweep_file(cluster, folder):
    """Between its ranks, and once if it is queued again."""
    path, sweep = sweep_in(folder)
    number = cluster.submit(folder, '--ntasks=6', '--array=3-4', GRID, path,
                            '--out', sweep.folder)
    for task in (3, 4):
        ended = cluster.wait(f'{number}_{task}')
        printed = (folder / f'aspis-grid-{number}-{task}.log').read_text()
        assert (ended.state, ended.code) == ('COMPLETED', 0), printed
    done = [run.name for run in sweep.runs if look(run).word == 'done']
    assert done == NAMES[2:4]
    with load_run(sweep.run(3).log) as run:
        assert len(run.attrs['hosts']) == 6

    before = sweep.run(3).log.stat()
    task = f'{number}_3'
    assert cluster.ask('scontrol', 'requeue', task).returncode == 0
    ended = cluster.wait_for(task, lambda job: job.restarts and job.is_over)
    assert (ended.state, ended.code) == ('COMPLETED', 0)
    assert sweep.run(3).log.stat() == before
