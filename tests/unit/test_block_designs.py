"""Balanced designs, Latin squares, Ramanujan bigraphs: their definitions."""

import re
from itertools import combinations, product

import numpy as np
import pytest

from aspis_mpi import registry
from aspis_mpi.assignment.blocks import families, planes, triples
from aspis_mpi.assignment.designs.bibd import Balanced, check
from aspis_mpi.assignment.designs.mols import LatinSquares
from aspis_mpi.assignment.designs.ramanujan import Ramanujan
from aspis_mpi.assignment.existence import is_prime, nearest
from aspis_mpi.job.listing import listing
from tests.support.designs import bose, shared

#: Replications and numbers of workers for which `bibd` says there is one.
LISTED = [(int(r), int(k)) for r, numbers in re.findall(
    r'(?<!= 2, replication = )\b(\d+): (?:K = )?((?:\d+(?:, )?)+)(?=;)',
    Balanced.exists) for k in re.findall(r'\d+', numbers)]


def groups(design):
    """The set of workers of each file, sorted."""
    return sorted(map(tuple, design.holders.tolist()))


def times_together(design):
    """For each pair of workers how often it is in a file, by counting."""
    counts = dict.fromkeys(combinations(range(design.n_workers), 2), 0)
    for group in groups(design):
        for pair in combinations(group, 2):
            counts[pair] += 1
    return set(counts.values())


# --- balanced ----------------------------------------------------------

@pytest.mark.parametrize('k', [7, 9, 13, 15, 19, 21, 25, 27, 31, 33, 61, 63])
def test_triple_systems_hold_each_pair_once(k):
    design = Balanced(k)
    assert times_together(design) == {1}
    assert design.n_files == k * (k - 1) // 6
    assert design.load == (k - 1) // 2


@pytest.mark.parametrize('k', [9, 15, 21, 27])
def test_bose_is_bose(k):
    assert groups(Balanced(k)) == groups(bose(k))


def test_triple_systems_exist_as_kirkman_has_it():
    """For 1 and 3 modulo 6, and for no other number."""
    for k in range(4, 60):
        divides = (k - 1) % 2 == 0 and k * (k - 1) % 6 == 0
        assert triples.exists(k, 3, 1) == divides == (k % 6 in (1, 3))
        if divides:
            assert times_together(Balanced(k)) == {1}


@pytest.mark.parametrize('p', [2, 3, 5, 7])
def test_two_lines_of_a_projective_plane_meet_once(p):
    k = p * p + p + 1
    design = Balanced(k, replication=p + 1)
    assert times_together(design) == {1} and design.n_files == k
    lines = [set(line) for line in groups(design)]
    assert all(len(one & other) == 1
               for one, other in combinations(lines, 2))


@pytest.mark.parametrize('p', [3, 5, 7])
def test_lines_of_an_affine_plane_are_parallel_or_meet_once(p):
    design = Balanced(p * p, replication=p)
    assert times_together(design) == {1}
    lines = [set(line) for line in groups(design)]
    parallel = [sum(not one & other for other in lines) for one in lines]
    assert parallel == [p - 1] * (p * p + p)


def test_both_planes_are_those_of_coordinates():
    """Three points are on a line when their determinant is 0 modulo p."""
    p = 3
    lines = {tuple(line) for line in planes.blocks(9, 3, 1).tolist()}
    points = list(product(range(p), repeat=2))
    for three in combinations(range(9), 3):
        matrix = [[1, *points[n]] for n in three]
        in_line = round(np.linalg.det(matrix)) % p == 0
        assert (three in lines) == in_line


def test_the_listed_designs_are_there():
    assert len(LISTED) >= 20
    for r, k in LISTED:
        design = Balanced(k, replication=r)
        assert times_together(design) == {1}
        assert design.load == (k - 1) // (r - 1)


@pytest.mark.parametrize('r', [4, 5, 6, 7, 8, 9])
def test_no_design_is_left_out_of_the_list(r):
    found = {k for k in range(r + 1, 60)
             if planes.exists(k, r, 1) or families.exists(k, r, 1)}
    assert found == {k for replication, k in LISTED
                     if replication == r and k < 60}


@pytest.mark.parametrize('k, r, shares', [
    (6, 3, 2), (16, 3, 2), (11, 5, 2), (8, 4, 3), (15, 7, 3), (37, 9, 2),
    (7, 6, 5), (16, 4, 1), (64, 8, 1)])
def test_families_share_as_much_as_they_are_asked_for(k, r, shares):
    design = Balanced(k, replication=r, shared=shares)
    assert times_together(design) == {shares}
    assert design.n_files == shares * k * (k - 1) // (r * (r - 1))
    assert design.load == shares * (k - 1) // (r - 1)


def test_families_are_nothing_but_moves_of_their_base_blocks():
    """Moved by one, the blocks are the same blocks."""
    for k, r, m in (13, 4, 13), (15, 3, 15), (16, 4, 15), (6, 3, 5):
        blocks = families.blocks(k, r, 2 if k == 6 else 1).tolist()
        there = sorted(sorted(block) for block in blocks)
        assert there == sorted(sorted(
            (point + 1) % m if point < m else point for point in block)
            for block in blocks)


@pytest.mark.parametrize('key', families.STATED)
def test_stated_base_blocks_are_right(key):
    k, r, shares = key
    assert times_together(Balanced(k, replication=r)) == {shares}


def test_a_search_ends():
    """With few tries it finds nothing."""
    assert families.exists(40, 4, 1)
    assert not families.exists(40, 4, 1, tried=5)


def test_what_is_not_balanced_is_refused():
    incidence = Balanced(7).incidence
    with pytest.raises(ValueError, match='share 1 files, must share 2'):
        check(incidence, 3, 2)
    with pytest.raises(ValueError, match='file 0 has 3 workers.*have 4'):
        check(incidence, 4, 1)
    broken = incidence.copy()
    first, other = np.flatnonzero(broken[0])[0], np.flatnonzero(~broken[0])[0]
    broken[0, [first, other]] = False, True
    with pytest.raises(ValueError, match=r'workers \d and \d share'):
        check(broken, 3, 1)


# --- Latin squares -----------------------------------------------------

@pytest.mark.parametrize('side, r', [(5, 3), (7, 3), (7, 5), (5, 4), (3, 2),
                                     (11, 3), (2, 1)])
def test_squares_are_latin_and_orthogonal(side, r):
    design = LatinSquares(r * side, replication=r)
    assert (design.n_files, design.load) == (side * side, side)
    # Of each square the symbol in each cell.
    squares = [design.holders[:, k].reshape(side, side) - k * side
               for k in range(r)]
    everything = set(range(side))
    for square in squares:
        assert all(set(line) == everything
                   for line in (*square.tolist(), *square.T.tolist()))
    for one, other in combinations(squares, 2):
        pairs = set(zip(one.ravel().tolist(), other.ravel().tolist()))
        assert len(pairs) == side * side


def test_workers_of_one_square_share_nothing_of_two_one_file():
    design = LatinSquares(15)
    square = np.arange(15) // 5
    together = shared(design)
    assert (together == np.where(np.eye(15), 5,
                                 square[:, None] != square)).all()


# --- Ramanujan ---------------------------------------------------------

def shifts(side, columns):
    """The matrix of the paper, from powers of a shift."""
    shift = np.roll(np.eye(side, dtype=int), 1, axis=1)
    return np.block([[np.linalg.matrix_power(shift, i * j)
                      for j in range(columns)] for i in range(side)])


@pytest.mark.parametrize('k, r, load', [
    (15, 3, 0), (15, 3, 5), (21, 3, 0), (10, 2, 0), (33, 3, 0), (35, 5, 0),
    (25, 5, 0), (25, 5, 5), (9, 3, 0), (9, 3, 4), (9, 3, 5), (9, 3, 6),
    (25, 5, 10), (49, 7, 0), (4, 2, 3)])
def test_bigraphs_are_ramanujan(k, r, load):
    design = Ramanujan(k, replication=r, load=load)
    side, ls = k // r, load or k // r
    first = side > r
    expected = shifts(side, r) if first else shifts(side, ls).T
    assert np.array_equal(design.incidence, expected)
    assert (design.replication, design.load) == (r, ls)
    assert design.n_files == (side * side if first else r * ls)

    values = np.linalg.svd(design.incidence.astype(float), compute_uv=False)
    assert values[0] == pytest.approx(np.sqrt(r * ls))
    assert values[1] <= np.sqrt(r - 1) + np.sqrt(ls - 1) + 1e-9
    rest = ls % r
    large = side if first else ls + (r - rest) * (rest > 0)
    assert values[1] == pytest.approx(np.sqrt(large))


@pytest.mark.parametrize('k, r', [(15, 3), (25, 5), (9, 3), (35, 5)])
def test_workers_of_a_bigraph_share_one_file_at_most(k, r):
    together = shared(Ramanujan(k, replication=r))
    assert set(together[~np.eye(k, dtype=bool)].tolist()) == {0, 1}


def test_case_1_is_as_good_an_expander_as_latin_squares():
    one, other = (np.linalg.svd(part(15).incidence.astype(float),
                                compute_uv=False)
                  for part in (Ramanujan, LatinSquares))
    assert np.allclose(one, other)


# --- which exist -------------------------------------------------------

@pytest.mark.parametrize('make, told', [
    (lambda: Balanced(14), 'replication 3 and shared 1 .* 14 workers: the '
     'nearest number that has one is 15, and with 14 there is one of '
     'assignment.shared = 6'),
    (lambda: Balanced(6), 'is 7, and with 6 .* assignment.shared = 2'),
    (lambda: Balanced(30, replication=6), 'is 31'),
    (lambda: Balanced(5, replication=5), 'replication 5 .* 2 and .* 4'),
    (lambda: Balanced(5, replication=1), 'replication 1 .* 2 and .* 4'),
    (lambda: Balanced(7, shared=0), 'shared 0 .* 1'),
    (lambda: LatinSquares(16), '16 workers are not .* 3 times a prime above '
     '3: the nearest number that has one is 15'),
    (lambda: LatinSquares(27), 'side 9, a power of a prime, .* is 33'),
    (lambda: LatinSquares(9), 'prime above 3: .* is 15'),
    (lambda: LatinSquares(5, replication=5), 'replication 5 .* 1 and .* 4'),
    (lambda: LatinSquares(5, replication=0), 'replication 0 .* 1 and .* 4'),
    (lambda: Ramanujan(11), '11 workers .* is 9'),
    (lambda: Ramanujan(16, replication=4), 'prime replication: .* is 20'),
    (lambda: Ramanujan(15, load=3), 'load 3 must be 5'),
    (lambda: Ramanujan(25, replication=5, load=4), 'load 4 .* at least .* 5'),
    (lambda: Ramanujan(3, replication=3), 'replication 3 .* 2 and .* 2'),
    (lambda: Ramanujan(5, replication=1), 'replication 1 .* 2 and .* 4')])
def test_what_does_not_exist_is_told_with_the_nearest(make, told):
    with pytest.raises(ValueError, match=told):
        make()


@pytest.mark.parametrize('k, r, shared', [
    (15, 3, 40), (15, 3, 300), (7, 3, 9000), (31, 6, 20)])
def test_many_shared_files_are_answered_after_a_bounded_search(
        k, r, shared, monkeypatch):
    """However many ways there are to begin with short blocks."""
    tries = []

    class Counted(families._Search):
        def found(self):
            try:
                return super().found()
            finally:
                tries.append(self.tries)
    monkeypatch.setattr(families, '_Search', Counted)
    families._family.cache_clear()
    with pytest.raises(ValueError, match=f'no design of replication {r} and '
                       f'shared {shared} is known here for {k} workers'):
        Balanced(k, replication=r, shared=shared)
    assert sum(tries) < 5_000_000


@pytest.mark.parametrize('part', [LatinSquares, Ramanujan])
@pytest.mark.parametrize('r', [2, 3, 5])
def test_the_nearest_is_the_nearest(part, r):
    there = []
    for k in range(r + 1, 120):
        try:
            part(k, replication=r)
        except ValueError:
            continue
        there.append(k)
    for k in range(r + 1, 90):
        if k in there:
            continue
        with pytest.raises(ValueError) as error:
            part(k, replication=r)
        told = int(re.search(r'has one is (\d+)', str(error.value))[1])
        assert told in there
        assert abs(told - k) == min(abs(n - k) for n in there)


def test_nothing_near_is_said():
    assert nearest(10, lambda n: False) is None
    assert nearest(3, lambda n: n in (1, 5)) == 5
    assert [n for n in range(30) if is_prime(n)] == [
        n for n in range(2, 30) if all(n % d for d in range(2, n))]


def test_list_says_for_which_numbers_a_design_exists():
    lines = list(listing('assignment'))
    words = ' '.join(' '.join(lines).split())
    for part in Balanced, LatinSquares, Ramanujan:
        assert f'exists for {part.exists}' in words
    told = [part for part in registry.parts('assignment').values()
            if part.exists]
    assert words.count('exists for') == len(told) == 3
    assert all(len(line) < 80 for line in lines if line.startswith(' ' * 23))
