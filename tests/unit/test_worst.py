"""Files that q workers decide: the search, and its bounds, by counting."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from aspis_mpi.assignment import bounds, worst
from aspis_mpi.assignment.designs.bibd import Balanced
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.mols import LatinSquares
from aspis_mpi.assignment.designs.ramanujan import Ramanujan
from aspis_mpi.assignment.designs.random_regular import RandomRegular
from aspis_mpi.assignment.designs.repetition import Repetition
from aspis_mpi.assignment.designs.subset import Subset

DESIGNS = [Balanced(7), Balanced(9), Balanced(13), Balanced(13, replication=4),
           Balanced(11, replication=5, shared=2), Balanced(6, shared=2),
           LatinSquares(10, replication=2), LatinSquares(15),
           Ramanujan(9), Ramanujan(9, load=5), Cyclic(12, load=5),
           RandomRegular(13, load=4), Repetition(12), Subset(8)]
every_design = pytest.mark.parametrize(
    'design', DESIGNS, ids=lambda design: f'{type(design).__name__}-'
    f'{design.n_workers}-{design.n_files}')


def majority(design):
    return design.incidence.sum(axis=1) // 2 + 1


def counted(incidence, needed, q):
    """The most files that q workers decide, every set looked at."""
    holders = [set(np.flatnonzero(row).tolist()) for row in incidence]
    return max(sum(len(held & set(chosen)) >= n
                   for held, n in zip(holders, needed))
               for chosen in combinations(range(incidence.shape[1]), q))


def by_numbers(incidence, needed, q):
    """The same by an integer program: file i only if it has its workers."""
    f, k = incidence.shape
    rows = np.hstack([np.diag(needed), -incidence.astype(int)])
    chosen = np.r_[np.zeros(f), np.ones(k)]
    found = milp(-np.r_[np.ones(f), np.zeros(k)], integrality=np.ones(f + k),
                 bounds=Bounds(0, 1), constraints=[
                     LinearConstraint(rows, ub=0),
                     LinearConstraint(chosen, q, q)])
    assert found.success
    return round(-found.fun)


def irregular(random):
    """Any files, workers and needs; some files are alike."""
    f, k = int(random.integers(1, 14)), int(random.integers(2, 9))
    incidence = random.random((f, k)) < random.uniform(0.2, 0.8)
    incidence[random.integers(f, size=f // 3)] = incidence[0]
    return incidence, random.integers(1, 4, size=f)


@every_design
def test_the_search_finds_what_counting_finds(design):
    for q in range((design.n_workers + 1) // 2):
        for needed in majority(design), design.incidence.sum(axis=1):
            found = worst.most_decided(design.incidence, needed, q)
            assert found.exact
            assert found.bound == counted(design.incidence, needed, q)


@pytest.mark.parametrize('seed', range(60))
def test_any_matrix_is_searched(seed):
    incidence, needed = irregular(np.random.default_rng(seed))
    for q in range(incidence.shape[1] + 1):
        found = worst.most_decided(incidence, needed, q)
        expected = counted(incidence, needed, q)
        assert found.exact and found.bound == expected
        assert bounds.upper_bound(incidence, needed, q) >= expected


def test_thousands_of_files_lose_nothing_to_rounding():
    """Thirds of 20,000 times as many files, in single precision."""
    few = Balanced(9, replication=3).incidence
    many = np.repeat(few, 20_000, axis=0)
    for q in range(3, 7):
        found = worst.most_decided(many, 3, q)
        assert found.exact
        assert found.bound == 20_000 * counted(few, [3] * len(few), q)


@pytest.mark.parametrize('design, q', [
    (Ramanujan(25, replication=5), 6), (Balanced(21, replication=5), 7),
    (Balanced(15), 4), (Cyclic(25, load=7), 9)],
    ids=['ramanujan', 'plane', 'triples', 'cyclic'])
def test_the_search_finds_what_an_integer_program_finds(design, q):
    found = worst.most_decided(design.incidence, majority(design), q)
    assert found.exact
    assert found.bound == by_numbers(design.incidence, majority(design), q)


@every_design
def test_the_workers_found_decide_what_is_said(design):
    for q in range(design.n_workers + 1):
        for it in (worst.most_decided(design.incidence, majority(design), q),
                   worst.greedy(design.incidence, majority(design), q)):
            assert len(set(it.workers)) == q
            held = design.incidence[:, list(it.workers)].sum(axis=1)
            assert np.count_nonzero(held >= majority(design)) == it.attained
            assert it.attained <= it.bound


@pytest.mark.parametrize('most_work', [1, 2_000, 100_000, 2_000_000])
def test_a_search_that_is_too_long_leaves_true_bounds(most_work):
    design = Ramanujan(25, replication=5)
    for q, exact in zip(range(3, 13), (1, 1, 2, 4, 5, 7, 9, 12, 14, 17)):
        found = worst.most_decided(design.incidence, 3, q, most_work)
        assert found.attained <= exact <= found.bound
        above = bounds.upper_bound(design.incidence, 3, q)
        assert found.bound <= above


def test_more_work_leaves_less_open():
    design = LatinSquares(35, replication=5)
    gaps = [found.bound - found.attained for found in (
        worst.most_decided(design.incidence, 3, 7, work)
        for work in (1, 2_000_000_000))]
    assert gaps[0] > gaps[1] == 0


@every_design
def test_bounds_without_search_hold(design):
    needed = majority(design)
    for q in range(1, (design.n_workers + 1) // 2):
        exact = worst.most_decided(design.incidence, needed, q).bound
        assert exact <= bounds.upper_bound(design.incidence, needed, q)
        assert exact <= bounds.expansion_bound(design.incidence,
                                               int(needed.min()), q)
        assert worst.greedy(design.incidence, needed, q).attained <= exact


def test_pairs_bound_a_balanced_design():
    """Two of three: each pair of liars decides its file, if none has three."""
    design = Balanced(15)
    for q in range(2, 7):
        assert bounds.upper_bound(design.incidence, majority(design),
                                  q) == comb(q, 2)


def test_expansion_bounds_large_designs():
    """Closer than loads do, and not below what a greedy set attains."""
    design = Balanced(57, replication=8)
    for q in range(5, 25, 5):
        above = bounds.expansion_bound(design.incidence, 5, q)
        assert above < design.load * q // 5
        assert worst.greedy(design.incidence, majority(design),
                            q).attained <= above


def test_of_an_irregular_design_expansion_says_nothing():
    incidence = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 1]], dtype=bool)
    assert bounds.expansion_bound(incidence, 2, 1) == 3


def test_searched_designs_are_exact_where_counting_is_possible():
    for design in Balanced(13), LatinSquares(15), Ramanujan(9):
        r = design.replication
        for q in range(1, (design.n_workers + 1) // 2):
            assert design.majorities(q) == counted(
                design.incidence, [r // 2 + 1] * design.n_files, q)
            assert design.unanimous(q) == counted(
                design.incidence, [r] * design.n_files, q)


@pytest.mark.parametrize('needed, q, told', [
    (1, 4, 'q 4 .* 0 and .* 3'), (1, -1, 'q -1'),
    ([1, 0], 1, 'needed 0 .* 1')])
def test_bad_numbers_are_named(needed, q, told):
    with pytest.raises(ValueError, match=told):
        worst.most_decided(np.ones((2, 3)), needed, q)
