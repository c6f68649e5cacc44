"""Which rank is where, from what launchers tell rank 0; all seen in runs."""

import platform
import random

import pytest

from aspis_mpi.backends import pmix
from aspis_mpi.backends.hosts import (
    WAYS, Hosts, counts, expanded, hosts, located)

#: Of rank 0 of seven, on three nodes, started by srun itself.
STEP = {
    'SLURMD_NODENAME': 'n1', 'SLURM_CLUSTER_NAME': 'here',
    'SLURM_JOB_ID': '81', 'SLURM_STEP_ID': '2', 'SLURM_PROCID': '0',
    'SLURM_STEP_NUM_TASKS': '7', 'SLURM_STEP_NODELIST': 'n[1-3]',
    'SLURM_STEP_TASKS_PER_NODE': '5,1(x2)', 'SLURM_DISTRIBUTION': 'block',
    'SLURM_GTIDS': '0,1,2,3,4'}
PMI_2 = {'PMI_RANK': '0', 'PMI_SIZE': '7', 'PMI_JOBID': '81.2'}
PMIX = {'PMIX_RANK': '0', 'PMIX_NAMESPACE': 'slurm.pmix.81.2'}

#: Below an mpirun in an allocation: the step is that of its daemons.
DAEMONS = STEP | {
    'SLURM_STEP_NUM_TASKS': '3', 'SLURM_STEP_TASKS_PER_NODE': '1(x3)',
    'SLURM_DISTRIBUTION': 'cyclic', 'SLURM_GTIDS': '0'}
OPEN_MPI = {
    'OMPI_COMM_WORLD_RANK': '0', 'OMPI_COMM_WORLD_SIZE': '7',
    'OMPI_COMM_WORLD_LOCAL_SIZE': '7', 'PMIX_RANK': '0',
    'PMIX_NAMESPACE': 'prterun-n1-9564@1', 'PRTE_LAUNCHED': '1',
    'PMIX_HOSTNAME': 'n1'}
HYDRA = {'PMI_RANK': '0', 'PMI_SIZE': '7', 'MPI_LOCALNRANKS': '7',
         'MPI_LOCALRANKID': '0', 'PMI_HOSTNAME': 'n1'}
INTEL = {'PMI_RANK': '0', 'PMI_SIZE': '7', 'MPI_LOCALNRANKS': '7',
         'HYDRA_BSTRAP_LOCALHOST': 'n1'}


# --- SLURM -------------------------------------------------------------

@pytest.mark.parametrize('started', [PMI_2, PMIX])
@pytest.mark.parametrize('way, own, names', [
    ('block', '0,1,2,3,4', 'n1 n1 n1 n1 n1 n2 n3'),
    ('block:cyclic', '0,1,2,3,4', 'n1 n1 n1 n1 n1 n2 n3'),
    ('block,Pack', '0,1,2,3,4', 'n1 n1 n1 n1 n1 n2 n3'),
    ('cyclic', '0,3,4,5,6', 'n1 n2 n3 n1 n1 n1 n1')])
def test_what_srun_says_of_its_own_tasks(started, way, own, names):
    told = hosts(STEP | started | {'SLURM_DISTRIBUTION': way,
                                   'SLURM_GTIDS': own})
    assert told == Hosts(tuple(names.split()), 'slurm', 'here')


@pytest.mark.parametrize('change', [
    {'SLURM_DISTRIBUTION': 'arbitrary'}, {'SLURM_DISTRIBUTION': 'plane'},
    {'SLURM_DISTRIBUTION': ''}, {'SLURM_DISTRIBUTION': 'cyclic'},
    {'SLURM_GTIDS': '0,2,6'}, {'SLURMD_NODENAME': 'n2'},
    {'SLURM_STEP_NODELIST': 'n[1-2]'}, {'SLURM_STEP_NODELIST': 'n[1-3'},
    {'SLURM_STEP_NODELIST': 'n[1-900000000000000000000]'},
    {'SLURM_STEP_TASKS_PER_NODE': '5,1'}, {'SLURM_STEP_NUM_TASKS': '6'},
    {'SLURM_STEP_TASKS_PER_NODE': '5,2(x2)'}, {'SLURM_STEP_ID': '3'},
    {'SLURM_STEP_TASKS_PER_NODE': '5,1(x99999999999999999999)'}])
def test_what_does_not_fit_is_not_known(change):
    assert hosts(STEP | PMI_2) is not None
    assert hosts(STEP | PMI_2 | change) is None


@pytest.mark.parametrize('gone', sorted(set(STEP) - {
    'SLURM_CLUSTER_NAME', 'SLURM_PROCID', 'SLURM_DISTRIBUTION'}))
def test_without_a_part_it_is_not_known(gone):
    some = STEP | PMI_2
    assert hosts({name: some[name] for name in some if name != gone}) is None


@pytest.mark.parametrize('tasks, own, names', [
    ('5,1(x2)', '0,1,2,3,4', 'n1 n1 n1 n1 n1 n2 n3'),
    ('5,1(x2)', '0,3,4,5,6', 'n1 n2 n3 n1 n1 n1 n1'),
    ('5,1(x2)', '0,1', ''), ('1,3(x2)', '0', '')])
def test_a_way_that_is_not_named_follows_from_the_ranks_of_one_node(
        tasks, own, names):
    """Unless two ways leave rank 0 as it is."""
    environment = STEP | PMI_2 | {'SLURM_STEP_TASKS_PER_NODE': tasks,
                                  'SLURM_GTIDS': own}
    del environment['SLURM_DISTRIBUTION']
    told = hosts(environment)
    assert (told.names if told else ()) == tuple(names.split())


@pytest.mark.parametrize('other', [
    OPEN_MPI | {'OMPI_COMM_WORLD_SIZE': '3',
                'OMPI_COMM_WORLD_LOCAL_SIZE': '1'},
    HYDRA | {'PMI_SIZE': '3', 'MPI_LOCALNRANKS': '1'},
    INTEL | {'PMI_SIZE': '3', 'MPI_LOCALNRANKS': '1'}])
@pytest.mark.parametrize('traces', [{}, PMI_2, PMIX])
def test_a_step_of_daemons_is_not_one_of_ranks(other, traces):
    """Also where there are as many, or an outer srun has left traces."""
    assert hosts(traces | DAEMONS | other) is None


@pytest.mark.parametrize('way', WAYS)
def test_dealt_out_as_slurm_does(way):
    """Every node gets its tasks: in turn, or one after another."""
    draw = random.Random(3)
    for _ in range(50):
        nodes = [f'n{number}' for number in range(draw.randint(1, 6))]
        tasks = [draw.randint(1, 4) for _ in nodes]
        names = list(WAYS[way](nodes, tasks))
        assert [names.count(node) for node in nodes] == tasks
        if way == 'block':
            assert names == sorted(names)
            continue
        left = dict(zip(nodes, tasks))
        while names:
            turn = [node for node in nodes if left[node]]
            assert names[:len(turn)] == turn
            names = names[len(turn):]
            left |= {node: left[node] - 1 for node in turn}


@pytest.mark.parametrize('text, nodes', [
    ('n1', 'n1'), ('n[1-3]', 'n1 n2 n3'), ('n[08-11,3]', 'n08 n09 n10 n11 n3'),
    ('gpu-a[2,4],b,c-[1]', 'gpu-a2 gpu-a4 b c-1'),
    ('a.b-1,a.b-2', 'a.b-1 a.b-2')])
def test_lists_of_nodes(text, nodes):
    assert expanded(text, 9) == nodes.split()


@pytest.mark.parametrize('text', [
    '', 'n1,', ',n1', 'n[1-3', 'n[]', 'n[a-b]', 'n[1-3]x', 'r[1-2]n[1-2]',
    'n[1-2],n2', 'n[1-10]', 'n[1--3]', 'n[1-2000000000]', '(null)[1',
    f'n[1-{"9" * 40}]'])
def test_lists_that_are_not_understood(text):
    with pytest.raises(ValueError):
        expanded(text, 9)


@pytest.mark.parametrize('text, tasks', [
    ('4', [4]), ('4(x3),2', [4, 4, 4, 2]), ('1,2(x2)', [1, 2, 2])])
def test_tasks_of_nodes(text, tasks):
    assert counts(text, 9) == tasks


@pytest.mark.parametrize('text', ['', '3,', 'x', '4(x3)2', '4(3)', '-1',
                                  '1(x10)', f'3(x{"9" * 40})'])
def test_tasks_that_are_not_understood(text):
    with pytest.raises(ValueError):
        counts(text, 9)


# --- mpirun ------------------------------------------------------------

@pytest.mark.parametrize('environment, source', [
    (OPEN_MPI, 'open-mpi'), (HYDRA, 'hydra'), (INTEL, 'hydra')])
def test_all_ranks_on_the_host_of_rank_0(environment, source):
    """In an allocation, too."""
    names = (platform.node(),) * 7
    assert hosts(environment) == Hosts(names, source)
    assert hosts(DAEMONS | environment) == Hosts(names, source, 'here')


@pytest.mark.parametrize('name, node, found', [
    ('n1.site', 'n1', 'n1'), ('n1', 'n1', 'n1'), ('n1.site', 'n2', 'n1.site'),
    ('n1.site', 'n1.site', 'n1.site'), ('n1.site', '', 'n1.site')])
def test_slurm_has_a_name_of_its_own_for_a_host(monkeypatch, name, node,
                                                found):
    """Which it takes where nodes are left out; that of another is none."""
    monkeypatch.setattr(platform, 'node', lambda: name)
    told = hosts(OPEN_MPI | {'SLURMD_NODENAME': node})
    assert set(told.names) == {found}


@pytest.mark.parametrize('environment, local', [
    (OPEN_MPI, 'OMPI_COMM_WORLD_LOCAL_SIZE'), (HYDRA, 'MPI_LOCALNRANKS'),
    (INTEL, 'MPI_LOCALNRANKS')])
def test_of_several_hosts_mpirun_does_not_tell_which_rank_is_where(
        environment, local):
    assert hosts(environment | {local: '5'}) is None
    assert hosts({name: value for name, value in environment.items()
                  if name != local}) is None


@pytest.mark.parametrize('nodes, names', [
    ({'b': [0, 3, 6], 'a': [1, 4], 'c': [5, 2]}, 'b a c b a c b'),
    ({'b': [0, 1, 2, 3, 4, 5, 6], 'c': []}, 'b b b b b b b'),
    ({}, ''), ({'b': [0, 1, 2], 'a': []}, ''),
    ({'b': [0, 1, 2, 3, 4, 5], 'a': [5, 6]}, ''),
    ({'b': [0, 1, 2, 3, 4, 5], 'a': [7]}, ''),
    ({'b': [0, 1, 2, 3, 4, 5, 6, 7]}, '')])
def test_pmix_knows_which_rank_is_where(nodes, names):
    """Or not, where a rank is nowhere, or somewhere twice."""
    environment = DAEMONS | OPEN_MPI | {'OMPI_COMM_WORLD_LOCAL_SIZE': '3'}
    jobs = {OPEN_MPI['PMIX_NAMESPACE']: nodes}
    told = hosts(environment, jobs.get)
    assert told == (
        Hosts(tuple(names.split()), 'pmix', 'here') if names else None)


def test_where_pmix_knows_nothing_one_host_is_still_one_host():
    assert hosts(OPEN_MPI, lambda job: {}).source == 'open-mpi'
    assert pmix.nodes('a job') == {}


def test_an_mpirun_inside_another_one_is_what_counts():
    outer = HYDRA | {'PMI_SIZE': '7'}
    assert hosts(outer | OPEN_MPI | {
        'OMPI_COMM_WORLD_LOCAL_SIZE': '4'}) is None


@pytest.mark.parametrize('environment', [{}, {'PATH': '/bin'}, STEP])
def test_nobody_says_anything(environment):
    assert hosts(environment) is None


# --- places ------------------------------------------------------------

def test_places_are_told_apart_and_know_their_cluster():
    told = Hosts(('a', 'b', 'a'), 'slurm', 'here')
    assert told.places() == ['slurm:here a 1/2', 'slurm:here b 1/1',
                             'slurm:here a 2/2']
    names = 'a a b b b'.split()
    for other in (Hosts(names, 'slurm', 'there'), Hosts(names, 'hydra'),
                  Hosts(names[1:], 'slurm', 'here')):
        mine = Hosts(names, 'slurm', 'here').places()
        assert len(set(mine)) == 5
        assert not set(mine[:2]) & set(other.places())


def test_no_word_of_a_rank_is_in_a_key_that_the_launcher_vouches_for():
    told = Hosts(('a', 'a', 'b'), 'slurm')
    places = located(['x', 'y', 'z'], ['gpu', '', ''], told, True)
    assert places.vouched and places.keys == told.places()
    assert (places.hosts, places.source) == (['a', 'a', 'b'], 'slurm')


def test_devices_are_the_word_of_the_ranks():
    """So nobody vouches for a key; hosts of the launcher are in it."""
    told = Hosts(('a', 'b'), 'slurm')
    places = located(['x', 'y'], ['GPU-1', 'GPU-2'], told, False)
    assert not places.vouched
    assert places.keys == ['slurm: a 1/1 GPU-1', 'slurm: b 1/1 GPU-2']


def test_what_only_the_ranks_say():
    places = located(['x', 'y'], ['', 'GPU-2'], None, True)
    assert (places.hosts, places.source) == (['x', 'y'], 'ranks')
    assert places.keys == ['x', 'y GPU-2'] and not places.vouched
