"""Adversaries that outvote most files, whoever these are."""

from itertools import combinations

import numpy as np
import pytest

from aspis_mpi.assignment.designs.mols import LatinSquares
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.attacks.attack import Attack
from tests.support.attack_parts import DESIGNS, FILES, SUBSET, WHO


def outvoted(incidence, members):
    """Files of which they are a strict majority of the holders."""
    return sum(2 * np.count_nonzero(file[list(members)])
               > np.count_nonzero(file) for file in incidence)


def worst(design, count, seed=7):
    """Who lies in a job on a design."""
    attack = Attack(WHO['worst'](design.n_workers, count, seed),
                    FILES['all'](design, seed))
    members = attack.adversaries(0)
    assert members.sum() == count
    assert np.array_equal(members, attack.adversaries(5))
    return np.flatnonzero(members)


@pytest.mark.parametrize('design', DESIGNS)
@pytest.mark.parametrize('count', [1, 2, 3])
def test_no_other_set_outvotes_more(design, count):
    assert outvoted(design.incidence, worst(design, count)) == max(
        outvoted(design.incidence, some)
        for some in combinations(range(design.n_workers), count))


@pytest.mark.parametrize('count, files', [(2, 1), (3, 3), (4, 5), (5, 8),
                                          (6, 12), (7, 14)])
def test_the_table_of_byzshield(count, files):
    """15 workers, 25 files, as its authors found by exhaustive search."""
    squares = LatinSquares(15, replication=3)
    assert outvoted(squares.incidence, worst(squares, count)) == files


def test_all_sets_are_as_bad_where_all_subsets_hold_a_file():
    # 4 files inside the set, and 11 around each of its 6 pairs.
    assert outvoted(SUBSET.incidence, worst(SUBSET, 4)) == 4 + 6 * 11


def test_the_seed_draws_among_equals():
    design = Subset(9, replication=3)
    assert len({tuple(worst(design, 3, seed)) for seed in range(6)}) > 1
