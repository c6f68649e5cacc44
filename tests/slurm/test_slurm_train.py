"""jobs/train.sbatch and jobs/train-gpu.sbatch on a real SLURM."""

import numpy as np

from aspis_mpi import load_run
from tests.support.mpirun import REPO, parameters
from tests.support.slurm_configuration import NODES

TRAIN = REPO / 'jobs' / 'train.sbatch'
TRAIN_GPU = REPO / 'jobs' / 'train-gpu.sbatch'


def printed(folder):
    """What a job has printed."""
    log, = folder.glob('aspis-mpi*.log')
    return log.read_text()


def test_training_on_four_nodes(cluster, folder, job, noting, expected):
    problem, noted = noting
    path = job({'problem.name': problem})
    number = cluster.submit(folder, '--nodes=4', '--ntasks=4',
                            '--cpus-per-task=2', TRAIN, path, '--out', 'a.h5')
    ended = cluster.wait(number)
    assert (ended.state, ended.code) == ('COMPLETED', 0), printed(folder)
    with load_run(folder / 'a.h5') as run:
        assert run.n_steps == 6
        assert run.attrs['clock'] == 'wall'
    assert np.array_equal(parameters(folder / 'a.h5'), expected(path, 3))
    places = [(node, threads) for node, threads, *_ in noted()]
    assert sorted(places) == [(node, '2') for node in NODES]
    assert (folder / f'aspis-mpi-{number}.log').exists()


def test_bad_job(cluster, folder, job):
    path = job({'optimizer.momentun': 0.5})
    number = cluster.submit(folder, '--ntasks=3', TRAIN, path)
    ended = cluster.wait(number)
    assert (ended.state, ended.code) == ('FAILED', 2)
    line, = [line for line in printed(folder).splitlines()
             if line.startswith('aspis_mpi:')]
    assert "'optimizer.momentun'" in line


def test_tasks_that_do_not_know_of_each_other(cluster, folder, job):
    """A plain srun starts as many parameter servers as there are tasks."""
    path = job()
    ended = cluster.ask('srun', '--ntasks=4', '--mpi=none', 'python', '-m',
                        'aspis_mpi', 'run', path, folder=folder)
    assert ended.returncode == 2, ended.stderr
    line, = [line for line in ended.stderr.splitlines()
             if not line.startswith('srun:')]
    assert line.startswith('aspis_mpi:') and 'SLURM started 4 tasks' in line
    assert not (folder / 'runs').exists()


def test_each_local_rank_has_a_device(cluster, folder, job, noting):
    """In turn, where a node has more ranks than devices."""
    problem, noted = noting
    path = job({'problem.name': problem, 'run.steps': 2})
    number = cluster.submit(folder, '--nodes=2', '--ntasks-per-node=3',
                            '--gpus-per-node=2', TRAIN_GPU, path,
                            '--out', 'a.h5')
    ended = cluster.wait(number)
    assert (ended.state, ended.code) == ('COMPLETED', 0), printed(folder)
    with load_run(folder / 'a.h5') as run:
        assert run.config['runtime']['device'] == 'cuda'
    seen = noted()
    assert {visible for *_, visible in seen} == {'0,1'}
    devices = {}
    for node, _, device, _ in seen:
        devices.setdefault(node, []).append(device)
    assert sorted(devices) == list(NODES[:2])
    for of_node in devices.values():
        assert sorted(of_node) == ['cuda:0', 'cuda:0', 'cuda:1']
