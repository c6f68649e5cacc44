"""Tiny jobs on a real SLURM, which lives as long as the tests need it."""

import pytest

from aspis_mpi import simulate
from tests.support.mpirun import parameters, write_job
from tests.support.slurm_cluster import Cluster, missing


@pytest.fixture(scope='session')
def make_cluster(tmp_path_factory):
    """Makes a cluster that is down; who starts it has to stop it."""
    if lacking := missing():
        pytest.skip(f'not installed: {", ".join(lacking)}; on Debian: apt-get '
                    'install slurm-wlm munge libpmix2')
    return lambda: Cluster(tmp_path_factory.mktemp('slurm'))


@pytest.fixture(scope='session')
def daemons(make_cluster):
    """A cluster of four nodes; taking it down leaves nothing behind."""
    shared = make_cluster()
    try:
        shared.start()
        yield shared
    finally:
        left = shared.stop()
    assert not left


@pytest.fixture
def cluster(daemons):
    """That cluster, with every node idle: a job gets the first ones."""
    daemons.settle()
    return daemons


@pytest.fixture
def folder(tmp_path):
    """From where jobs are submitted; ranks can import modules in it."""
    return tmp_path


@pytest.fixture
def job(folder):
    """Writes a job of three workers: `job({'run.steps': 9, ...})`."""
    def write(keys=()):
        settings = {
            'run.steps': 6, 'run.seed': 7, 'run.evaluate_every': 0,
            'problem.name': 'quadratic', 'problem.parameters': 500,
            'problem.batch_size': 45, 'problem.micro_batch': 2,
            'scheme.name': 'uncoded', 'log.flush_seconds': 0.0} | dict(keys)
        return write_job(folder / 'job.toml', settings)
    return write


@pytest.fixture
def expected(folder):
    """Parameters of the same job on `quadratic`, simulated."""
    def simulated(path, workers, *settings):
        code, log = simulate(
            path, out=folder / 'expected.h5', overwrite=True,
            settings=(f'scheme.workers={workers}', *settings,
                      'problem.name=quadratic'))
        assert code == 0
        return parameters(log)
    return simulated


#: A problem whose ranks say where they are.
NOTING = '''
import os
from aspis_mpi.learning.devices import device_of_rank
from aspis_mpi.learning.problems.quadratic import Quadratic

def note():
    rank = os.environ['OMPI_COMM_WORLD_RANK']
    visible = os.environ.get('CUDA_VISIBLE_DEVICES', '')
    device = device_of_rank('cuda', len(visible.split(',')))
    with open(f'noted-{rank}', 'w') as file:
        print(os.environ['SLURMD_NODENAME'], os.environ['OMP_NUM_THREADS'],
              device, visible, file=file)

class Problem(Quadratic):
    def initial(self, generator):
        note()
        return super().initial(generator)

    def gradient(self, parameters, samples, out):
        note()
        super().gradient(parameters, samples, out)
'''


@pytest.fixture
def noting(folder):
    """A problem whose ranks note where they are, and how to read that.

    The latter answers a list, by rank, of (node, threads, device, devices
    that the rank sees).
    """
    (folder / 'noting.py').write_text(NOTING)

    def noted():
        files = folder.glob('noted-*')
        return [path.read_text().split() for path in
                sorted(files, key=lambda path: int(path.name[6:]))]
    return 'noting:Problem', noted


#: A problem that takes its time until a file `hurry` is there.
PATIENT = '''
import os, time
from aspis_mpi.learning.problems.quadratic import Quadratic

class Problem(Quadratic):
    def gradient(self, parameters, samples, out):
        if not os.path.exists('hurry'):
            time.sleep(0.05)
        with open('restarts', 'a') as file:
            print(os.environ.get('SLURM_RESTART_COUNT', 0), file=file)
        super().gradient(parameters, samples, out)
'''


@pytest.fixture
def patient(folder):
    """Keys of a run of 60 steps that takes a minute, and how to hurry it.

    It has memory that a checkpoint must not lose: momentum, and evidence
    against one of five workers.
    """
    (folder / 'patient.py').write_text(PATIENT)
    keys = {'run.steps': 60, 'run.checkpoint_every': 20,
            'problem.name': 'patient:Problem', 'optimizer.momentum': 0.9,
            'scheme.name': 'aspis', 'scheme.adversaries': 1,
            'adversary.count': 1}
    return keys, (folder / 'hurry').touch
