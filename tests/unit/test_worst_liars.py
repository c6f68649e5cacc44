"""Adversaries that outvote most files."""

from itertools import combinations

import numpy as np
import pytest

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.attacks.attack import Attack
from aspis_mpi.attacks.who import worst
from tests.support.attack_parts import DESIGNS, FILES, SUBSET, WHO


def outvoted(incidence, members):
    """Files of which they are a strict majority of the holders."""
    return sum(2 * np.count_nonzero(file[list(members)])
               > np.count_nonzero(file) for file in incidence)


def drawn(seed, f=20, k=8):
    """Files of several numbers of holders."""
    return np.random.default_rng(seed).random((f, k)) < 0.4


def squares(n):
    """Files on a row, a column and a diagonal: three Latin squares."""
    incidence = np.zeros((n * n, 3 * n), dtype=bool)
    for i in range(n):
        for j in range(n):
            incidence[i * n + j, [i, n + j, 2 * n + (i + j) % n]] = True
    return incidence


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('count', [1, 3, 5])
def test_no_other_set_outvotes_more(seed, count):
    incidence = drawn(seed)
    found = worst.most_outvoted(incidence, count)
    best = max(outvoted(incidence, some)
               for some in combinations(range(8), count))
    assert len(set(found.tolist())) == count
    assert outvoted(incidence, found) == best
    assert best <= worst.bound(incidence, count)


@pytest.mark.parametrize('count, files', [(2, 1), (3, 3), (4, 5), (5, 8),
                                          (6, 12), (7, 14)])
def test_the_table_of_byzshield(count, files):
    """15 workers, 25 files, as its authors found by exhaustive search."""
    incidence = squares(5)
    assert outvoted(incidence, worst.most_outvoted(
        incidence, count)) == files


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('count', [1, 3, 5])
def test_exchanges_end_where_none_helps(seed, count, monkeypatch):
    monkeypatch.setattr(worst, 'MOST_WORK', 0)
    incidence = drawn(seed)
    found = worst.most_outvoted(incidence, count).tolist()
    assert len(set(found)) == count
    best = max(outvoted(incidence, some)
               for some in combinations(range(8), count))
    assert 0.7 * best <= outvoted(incidence, found) <= best


def test_all_sets_are_as_bad_where_all_subsets_hold_a_file():
    found = worst.most_outvoted(SUBSET.incidence, 4)
    # 4 files inside the set, and 11 around each of its 6 pairs.
    assert outvoted(SUBSET.incidence, found) == 4 + 6 * 11


def test_an_attack_tells_who_is_worst_and_the_seed_draws_among_equals():
    design = Subset(9, replication=3)
    sets = set()
    for seed in range(6):
        attack = Attack(WHO['worst'](9, 3, seed), FILES['all'](design, seed))
        members = attack.adversaries(0)
        assert members.sum() == 3
        assert np.array_equal(members, attack.adversaries(5))
        sets.add(members.tobytes())
    assert len(sets) > 1


@pytest.mark.parametrize('design', DESIGNS)
def test_every_design_has_a_worst_set(design):
    who = WHO['worst'](design.n_workers, 2, 7)
    Attack(who, FILES['all'](design, 7))
    members = np.flatnonzero(who.members(0))
    assert outvoted(design.incidence, members) == max(
        outvoted(design.incidence, some)
        for some in combinations(range(design.n_workers), 2))
