"""What rank 0 knows on a real SLURM of where the ranks are."""

import sys

import pytest

from aspis_mpi import load_run
from tests.support.mpirun import prefix

#: Every rank says where it is, rank 0 also what it knows of all.
WHERE = '''
import os
from aspis_mpi.backends.hosts import hosts
from aspis_mpi.backends.launcher import launch

rank, told = launch().rank, hosts()
with open(f'rank-{rank}', 'w') as file:
    print(os.environ['SLURMD_NODENAME'], file=file)
if not rank:
    with open('told', 'w') as file:
        print(*(told.names if told else ['nothing']), file=file)
'''


@pytest.fixture
def where(folder):
    """A script, and how to read where ranks are and what rank 0 knows."""
    (folder / 'where.py').write_text(WHERE)

    def read():
        files = sorted(folder.glob('rank-*'),
                       key=lambda path: int(path.name[5:]))
        return ([path.read_text().strip() for path in files],
                (folder / 'told').read_text().split())
    return 'where.py', read


@pytest.mark.parametrize('options', [
    (), ('--distribution=cyclic',), ('--distribution=block:cyclic',),
    ('--ntasks=3',), ('--nodelist=n2,n4', '--nodes=2')])
def test_srun_tells_where_the_ranks_are(cluster, folder, where, options):
    script, read = where
    done = cluster.ask('srun', '--mpi=pmi2', '--nodes=3', '--ntasks=7',
                       *options, sys.executable, script, folder=folder)
    assert done.returncode == 0, done.stderr
    places, told = read()
    assert len(places) > 1 and told == places


@pytest.mark.parametrize('options, variables', [
    (('--distribution=plane=2',), {}),
    (('--distribution=arbitrary', '--nodelist=n1,n3,n1,n2,n2,n3,n1'), {}),
    (('--distribution=arbitrary',), {'SLURM_HOSTFILE': 'nodes'})])
def test_a_distribution_that_is_not_understood(cluster, folder, where,
                                               options, variables):
    script, read = where
    (folder / 'nodes').write_text('n1\nn3\nn1\nn2\nn2\nn3\nn1\n')
    done = cluster.ask('srun', '--mpi=pmi2', '--nodes=3', '--ntasks=7',
                       *options, sys.executable, script, folder=folder,
                       **variables)
    assert done.returncode == 0, done.stderr
    assert read()[1] == ['nothing']


@pytest.mark.parametrize('mpi', ['openmpi', 'mpich'])
def test_below_mpirun_slurm_speaks_of_daemons(cluster, folder, where, mpi):
    """As many as there are ranks; but these need not be one a node."""
    home = prefix(mpi) / 'bin'
    if not (home / 'mpirun').exists():
        pytest.skip(f'no mpirun of {mpi} in {home}')
    script, read = where
    flags = '--bind-to none --oversubscribe' if mpi == 'openmpi' else ''
    number = cluster.submit(
        folder, '--nodes=3', '--ntasks=3',
        f'--wrap={home}/mpirun {flags} -n 3 {sys.executable} {script}')
    ended = cluster.wait(number)
    assert (ended.state, ended.code) == ('COMPLETED', 0)
    places, told = read()
    assert sorted(places) == ['n1', 'n2', 'n3'] and told == ['nothing']


@pytest.mark.parametrize('flag, hosts', [
    ('slot', 'n1 n1 n2 n2'), ('node', 'n1 n2 n1 n2')])
def test_below_open_mpi_pmix_knows_the_hosts(cluster, folder, job, flag,
                                             hosts):
    number = cluster.submit(
        folder, '--nodes=2', '--ntasks-per-node=2',
        f'--wrap=mpirun --bind-to none --map-by {flag} -n 4 python -m '
        f'aspis_mpi run {job()} --out a.h5')
    ended = cluster.wait(number)
    assert (ended.state, ended.code) == ('COMPLETED', 0)
    with load_run(folder / 'a.h5') as run:
        assert list(run.attrs['hosts']) == hosts.split()
        assert run.attrs['hosts_from'] == 'pmix'


def test_the_log_says_who_names_the_hosts(cluster, folder, job):
    python = prefix('mpich') / 'bin' / 'python'
    if not python.exists():
        pytest.skip(f'no {python}')
    done = cluster.ask(
        'srun', '--mpi=pmi2', '--nodes=4', '--ntasks=4', python, '-m',
        'aspis_mpi', 'run', job(), '--out', 'a.h5', folder=folder)
    assert done.returncode == 0, done.stderr
    with load_run(folder / 'a.h5') as run:
        assert run.n_steps == 6
        assert list(run.attrs['hosts']) == ['n1', 'n2', 'n3', 'n4']
        assert run.attrs['hosts_from'] == 'slurm'
