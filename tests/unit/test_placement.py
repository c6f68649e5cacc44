"""Workers of a file on different hosts: by brute force, and by jobs."""

from itertools import permutations

import numpy as np
import pytest

from aspis_mpi.assembly.design import Design
from aspis_mpi.assembly.placing import stand_ins
from aspis_mpi.assignment.designs.bibd import Balanced
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.mols import LatinSquares
from aspis_mpi.assignment.designs.random_regular import RandomRegular
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.assignment.placement import (
    by_hosts, crowding, least_crowd, most_on_a_host)
from aspis_mpi.errors import JobError
from aspis_mpi.plan import describe, plan_of
from tests.support.job_files import refusal
from tests.support.slow_nodes import job, tables

SMALL = {
    'cyclic 5/2': Cyclic(5, load=2), 'cyclic 6/3': Cyclic(6, load=3),
    'cyclic 6/4': Cyclic(6, load=4), 'cyclic 6/5': Cyclic(6, load=5),
    'pairs': Repetition(6, replication=2),
    'threes': Repetition(6, replication=3),
    'subset': Subset(5, replication=3),
    'squares': LatinSquares(6, replication=2),
    'regular': RandomRegular(6, load=3, seed=4)}


def partitions(n, largest=None):
    """Numbers of workers of each host, for all ways to deal out n."""
    if not n:
        yield []
    for first in range(min(n, largest or n), 0, -1):
        for rest in partitions(n - first, first):
            yield [first, *rest]


@pytest.mark.parametrize('design', SMALL.values(), ids=SMALL)
def test_no_other_names_put_fewer_workers_of_a_file_on_one_host(design):
    k = design.n_workers
    names = np.array(list(permutations(range(k))))
    for counts in partitions(k):
        hosts = np.repeat(np.arange(len(counts)), counts)
        best = min(most_on_a_host(design, hosts, it) for it in names)
        placement = by_hosts(design, hosts)
        assert most_on_a_host(design, hosts, placement) == best, counts
        assert best >= least_crowd(design, hosts)


@pytest.mark.parametrize('hosts', [[4, 4, 4, 3], [5, 5, 5], [8, 7],
                                   [1] * 15, [9, 3, 2, 1]])
@pytest.mark.parametrize('load', [3, 5, 7])
def test_windows_and_groups_reach_what_nothing_undercuts(hosts, load):
    """The mean number of a host's workers a file, rounded up."""
    of = np.repeat(np.arange(len(hosts)), hosts)
    for design in Cyclic(15, load=load), Repetition(15, replication=5):
        most = most_on_a_host(design, of, by_hosts(design, of))
        r = design.replication
        assert most == least_crowd(design, of) == -(-max(hosts) * r // 15)


@pytest.mark.parametrize('k', [125, 2000])
def test_many_workers_are_placed_as_well(k):
    hosts = np.arange(k) // 4
    design = Cyclic(k, load=5)
    assert most_on_a_host(design, hosts, by_hosts(design, hosts)) == 1


def test_a_host_that_had_all_workers_of_a_block_has_two():
    design = Balanced(15, replication=3)
    hosts = np.arange(1, 16)
    hosts[design.holders[0]] = 0
    placement = by_hosts(design, hosts)
    assert most_on_a_host(design, np.unique(hosts, return_inverse=True)[1],
                          np.arange(15)) == 3
    hosts = np.unique(hosts, return_inverse=True)[1]
    assert crowding(design, hosts, placement) < crowding(
        design, hosts, np.arange(15))
    assert most_on_a_host(design, hosts, placement) == 2


@pytest.mark.parametrize('design', [Subset(6, replication=3), Uncoded(6)])
def test_where_names_change_nothing_they_stay(design):
    placement = by_hosts(design, [2, 2, 0, 0, 1, 1])
    assert placement.tolist() == list(range(6))


def test_hosts_may_have_any_names_and_any_order():
    one = by_hosts(Cyclic(8, load=3), [0, 0, 1, 1, 2, 2, 3, 3])
    other = by_hosts(Cyclic(8, load=3), list('aabbccdd'))
    assert np.array_equal(one, other)
    scattered = by_hosts(Cyclic(6, load=2), list('abcabc'))
    assert most_on_a_host(Cyclic(6, load=2),
                          np.array([0, 1, 2, 0, 1, 2]), scattered) == 1


def test_a_placed_worker_has_the_files_of_another_one():
    design, names = Cyclic(5, load=2), [3, 1, 4, 0, 2]
    placed = design.placed(names)
    for worker, name in enumerate(names):
        assert placed.files(worker).tolist() == design.files(name).tolist()
    assert placed.placement.tolist() == names
    with pytest.raises(ValueError, match='must name each of 5 workers once'):
        design.placed([0, 0, 1, 2, 3])


def test_rank_0_is_on_the_first_host_or_on_its_own():
    assert stand_ins(job()).tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    own = stand_ins(job(network={'hosts': [4, 4, 4, 3]}))
    assert own.tolist() == [4] + [0] * 4 + [1] * 4 + [2] * 4 + [3] * 3


@pytest.mark.parametrize('hosts', [[4, 4], [0, 15], [16, -1]])
def test_hosts_have_to_hold_all_ranks(hosts):
    text = refusal(tables(network={'hosts': hosts}))
    assert f'network.hosts = {hosts}: must be' in text and '16' in text


def test_workers_of_a_slow_host_are_slow():
    design = Design(job(delay={'workers': [0]}))
    slow = np.flatnonzero(design.delay.paces(0)[:, 0] > 0.1)
    assert slow.tolist() == [0, 3, 4, 5, 6]


@pytest.mark.parametrize(['changes', 'words'], [
    ({'network': {'hosts': None}}, 'which is missing'),
    ({'delay': {'hosts': [4]}}, r'must be some of [0, 1, 2, 3]'),
    ({'delay': {'hosts': None}}, 'workers')])
def test_slow_hosts_are_hosts_of_the_job(changes, words):
    text = refusal(tables(**changes))
    assert 'delay' in text and words in text


@pytest.mark.parametrize(['changes', 'words'], [
    ({'assignment': {'rename': True}}, 'rename = false'),
    ({'scheme': {'name': 'gradient-code', 'adversaries': 0}},
     "transfer.code = 'tandon'")])
def test_places_are_refused_to_workers_with_other_names(changes, words):
    text = refusal(tables(**changes))
    assert "assignment.placement = 'hosts'" in text and words in text


def test_the_plan_says_how_many_workers_of_a_file_share_a_host():
    plan = plan_of(Design(job()))
    assert (plan.placement, plan.most_on_a_host) == ('hosts', 2)
    assert 'at most 2 of the 5 workers of a file' in describe(plan)
    plan = plan_of(Design(job(assignment={'placement': 'ranks'})))
    assert (plan.placement, plan.most_on_a_host) == ('ranks', 4)
    unknown = Design(job(network={'hosts': None},
                         delay={'hosts': None, 'workers': [1]}))
    assert 'as the launcher tells them' in describe(plan_of(unknown))


def test_a_placement_is_of_workers():
    with pytest.raises(ValueError, match='2 hosts must be one for each of 3'):
        by_hosts(Uncoded(3), [0, 1])
    with pytest.raises(JobError):
        Design(job(assignment={'placement': 'racks'}))
