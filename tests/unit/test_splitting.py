"""Files cut into units of equal cost, and these into nodes of their trees."""

import numpy as np
import pytest

from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.splitting import SLACK, Node, Units, split
from aspis_mpi.learning.sizes import zipf

SIZES = [zipf(600, 15), np.array([1000, 1, 1, 1]), np.full(15, 40),
         np.array([7, 123, 64, 1, 300, 65])]


@pytest.fixture(params=SIZES, ids=['zipf', 'one-large', 'equal', 'odd'])
def sizes(request):
    return request.param


@pytest.mark.parametrize('micro_batch', [1, 3, 8])
def test_nodes_are_all_leaves_of_all_files_once_in_order(sizes, micro_batch):
    cut = split(sizes, micro_batch, 6)
    found = []
    for node, samples in zip(cut.nodes, cut.samples.tolist()):
        begin = node.first * micro_batch
        assert begin + samples <= sizes[node.file]
        found += [(node.file, begin + place) for place in range(samples)]
    assert found == [(file, place) for file, size in enumerate(sizes)
                     for place in range(size)]


def test_a_node_begins_where_the_tree_has_one(sizes):
    for node in split(sizes, 2, 7).nodes:
        assert node.first == node.index << node.level


def test_units_are_as_many_as_are_asked_for_and_in_order(sizes):
    for n_units in 1, 2, 6, 15:
        units = split(sizes, 1, n_units).units
        assert np.array_equal(np.unique(units), np.arange(n_units))
        assert (np.diff(units) >= 0).all()


@pytest.mark.parametrize('micro_batch', [1, 2, 4])
def test_no_unit_is_far_above_the_mean(sizes, micro_batch):
    cut = split(sizes, micro_batch, 15)
    costs = np.bincount(cut.units, cut.samples)
    unit = costs.mean()
    slack = max(SLACK, micro_batch / unit / 2)
    assert costs.max() <= (1 + 2 * slack) * unit + 1e-9


def test_equal_files_stay_whole():
    cut = split(np.full(15, 40), 4, 15)
    assert [node.file for node in cut.nodes] == list(range(15))
    assert cut.samples.tolist() == [40] * 15


def test_small_files_share_a_unit_and_stay_files_of_their_own():
    cut = split(np.array([1, 1, 1, 1, 4, 4]), 1, 3)
    assert cut.units.tolist() == [0, 0, 0, 0, 1, 2]
    assert len(cut.nodes) == 6


def test_fewest_nodes_are_taken():
    # 3/4 of a file are two nodes, the rest is one.
    cut = split(np.array([16, 8]), 1, 2)
    assert [tuple(node) for node in cut.nodes] == [
        (0, 3, 0), (0, 2, 2), (0, 2, 3), (1, 3, 0)]


def test_a_cut_is_made_between_files_where_that_is_near():
    cut = split(np.array([103, 97]), 1, 2)
    assert [node.file for node in cut.nodes] == [0, 1]


def test_too_few_leaves_are_refused():
    with pytest.raises(ValueError, match='5 micro-batches, fewer than the 6 '
                                         'files .* smaller than 64'):
        split(np.full(5, 10), 64, 6)


# --- designs of units


@pytest.fixture(params=[Cyclic(15, load=5), Subset(6, replication=3),
                        Repetition(15, replication=3)],
                ids=['cyclic', 'subset', 'repetition'])
def design(request):
    return request.param


@pytest.fixture
def units(design):
    cut = split(zipf(40 * design.n_files, design.n_files), 2, design.n_files)
    return Units(design, cut.units)


def test_whoever_has_a_unit_has_all_of_it(design, units):
    unit = np.repeat(np.arange(design.n_files), np.bincount(units._units))
    assert np.array_equal(units.incidence, design.incidence[unit])
    assert units.replication == design.replication
    assert units.least_copies == design.least_copies


def test_units_are_computed_in_the_order_of_the_design(design, units):
    for worker in range(design.n_workers):
        found = units._units[units.files(worker)]
        assert list(dict.fromkeys(found.tolist())) == (
            design.files(worker).tolist())


@pytest.mark.parametrize('q', range(1, 4))
def test_bounds_hold_for_every_set_of_workers(design, units, q):
    from itertools import combinations
    held = units.incidence
    votes = held.sum(axis=1)
    for liars in combinations(range(design.n_workers), q):
        mine = held[:, liars].sum(axis=1)
        assert (mine > 0).sum() <= units.touched(q)
        assert (2 * mine > votes).sum() <= units.majorities(q)
        assert (mine == votes).sum() <= units.unanimous(q)


def test_a_node_says_its_first_leaf():
    assert Node(0, 3, 2).first == 16
