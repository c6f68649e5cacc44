"""Nodes that are left out on a real SLURM, by lists that it understands."""

import random
import re

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.__main__ import main
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.runlog import ledger
from aspis_mpi.runlog.node_lists import compressed
from aspis_mpi.schemes.record import ExposureRecord
from tests.support.made_up_logs import create
from tests.support.mpirun import REPO, parameters, rows_of

REQUEUE = REPO / 'jobs' / 'requeue.sbatch'
SWEEP = REPO / 'jobs' / 'sweep.sbatch'


def test_lists_of_nodes_are_those_that_slurm_expands(cluster):
    draw = random.Random(5)
    for _ in range(20):
        names = {f'{draw.choice(["n", "gpu-a", "r1n"])}'
                 f'{draw.randint(0, 120):0{draw.choice([1, 1, 3])}}'
                 f'{draw.choice(["", "", "-ib"])}' for _ in range(40)}
        done = cluster.ask('scontrol', 'show', 'hostnames',
                           compressed(names))
        assert done.returncode == 0, done.stderr
        assert sorted(done.stdout.split()) == sorted(names)


@pytest.mark.parametrize('workers, nodes', [((0, 2), 'n[1,3]'), ((), '')])
def test_sbatch_takes_the_list_as_it_is(cluster, folder, capsys, workers,
                                        nodes):
    """Also where nobody is to be left out."""
    with create(folder / 'a.h5', Uncoded(4), hosts=['head', 'n1', 'n2', 'n3',
                                                    'n4'],
                hosts_from='slurm') as log:
        for worker in workers:
            log.exposure(ExposureRecord(0, 0, worker, ProofKind.AUDIT, 'so'))
    assert main(['show', str(folder / 'a.h5'), '--exclude']) == 0
    told = capsys.readouterr().out.strip()
    assert told == nodes
    number = cluster.submit(folder, '--nodes=2', f'--exclude={told}',
                            '--wrap=scontrol show hostnames > nodes')
    assert cluster.wait(number).state == 'COMPLETED'
    ran = (folder / 'nodes').read_text().split()
    assert len(ran) == 2 and (ran == ['n2', 'n4'] or not workers)


#: Of five workers the last one, rank 5, lies, and is exposed in the first
#: step, as all are waited for.
LIAR = {'scheme.name': 'robust-partial', 'scheme.adversaries': 1,
        'collection.name': 'all',
        'adversary.count': 1, 'adversary.workers': [4]}


def test_run_that_is_queued_again_leaves_out_the_node_of_a_liar(
        cluster, folder, job, patient, expected):
    """And the user's own; each start has its hosts in log and ledger."""
    keys, hurry = patient
    path = job(keys | LIAR)
    number = cluster.submit(
        folder, '--nodes=2', '--ntasks-per-node=3', '--exclude=n4', REQUEUE,
        path, '--out', 'a.h5', ASPIS_LEDGER='nodes.jsonl')
    cluster.wait_for(
        number, lambda job: job.is_over or rows_of(folder / 'a.h5') > 2)
    printed = folder / f'aspis-mpi-{number}.log'
    # What was known of the job may be from before the rows.
    assert cluster.job(number).state == 'RUNNING', printed.read_text()
    assert not cluster.ask('scancel', '--batch', '--signal=USR1',
                           number).returncode
    cluster.wait_for(number, lambda job: job.restarts or job.is_over)
    hurry()
    ended = cluster.wait(number)
    text = printed.read_text()
    assert (ended.state, ended.code, ended.restarts) == ('COMPLETED', 0, 1), \
        text

    with load_run(folder / 'a.h5') as run:
        first, second = run.starts
        assert np.array_equal(run.steps['step'], np.arange(60))
    assert set(first.hosts) == {'n1', 'n2'}
    bad = first.hosts[5]
    assert set(second.hosts) == {'n1', 'n2', 'n3'} - {bad}
    assert ended.fields['ExcNodeList'] == f'n4,{bad}'
    assert re.search(rf'{bad} is to be left out, by 1 run', text)
    assert np.array_equal(parameters(folder / 'a.h5'), expected(path, 5))

    (presences, evidence), _ = ledger.read(folder / 'nodes.jsonl')
    assert [set(it.hosts) for it in presences] == [
        set(first.hosts), set(second.hosts)]
    assert {(it.host, it.kind.word) for it in evidence} >= {(bad, 'exposed')}


def test_tasks_of_a_sweep_that_wait_leave_out_what_others_have_found(
        cluster, folder, job):
    path = job(LIAR)
    number = cluster.submit(
        folder, '--nodes=2', '--ntasks-per-node=3', '--exclusive',
        '--array=1-2%1', SWEEP, path, ASPIS_LEDGER='nodes.jsonl')
    hosts = {}
    for task in (1, 2):
        ended = cluster.wait(f'{number}_{task}')
        text = (folder / f'aspis-sweep-{number}-{task}.log').read_text()
        assert (ended.state, ended.code) == ('COMPLETED', 0), text
        log = folder / 'runs' / f'aspis-sweep-{number}-{task}.h5'
        with load_run(log) as run:
            hosts[task] = run.starts[0].hosts
    assert hosts[1][5] not in hosts[2]
