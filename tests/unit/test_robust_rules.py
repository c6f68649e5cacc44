"""Rules that judge files by their distances, each against its paper."""

from itertools import combinations

import numpy as np
import pytest

from aspis_mpi.aggregation import distances
from aspis_mpi.aggregation.aggregators import mda, smea
from aspis_mpi.aggregation.rows import Rows
from tests.support import plain_aggregation as plain
from tests.support.robust_cases import RULES, applied, drawn, means_of

#: Rules, f, and options; each is made for 11 files.
CASES = [('krum', 2, {}), ('krum', 4, {}), ('krum', 2, {'neighbours': 8}),
         ('multi-krum', 2, {}), ('multi-krum', 3, {'picks': 8}),
         ('multi-krum', 2, {'neighbours': 3, 'picks': 2}),
         ('bulyan', 1, {}), ('bulyan', 2, {}), ('meamed', 1, {}),
         ('meamed', 4, {}), ('mda', 1, {}), ('mda', 3, {}), ('mda', 5, {}),
         ('smea', 2, {}), ('smea', 4, {}), ('monna', 3, {}),
         ('monna', 4, {'pivot': 7}), ('caf', 2, {}), ('caf', 4, {}),
         ('centered-clipping', 2, {'radius': 2.0, 'iterations': 3}),
         ('centered-clipping', 2, {'radius': 50.0, 'iterations': 1}),
         ('sign-majority', 2, {})]
every_case = pytest.mark.parametrize('name, wrong, chosen', CASES)


@every_case
@pytest.mark.parametrize('seed', range(3))
def test_a_rule_is_what_its_paper_says(name, wrong, chosen, seed):
    rows, samples = drawn(11, 6, seed)
    expected = getattr(plain, name.replace('-', '_'))(
        means_of(rows, samples), wrong, **chosen)
    result = applied(RULES[name](11, 2, wrong, **chosen), rows, samples)
    np.testing.assert_allclose(result, expected, atol=2e-5)


@every_case
def test_with_lies_as_well(name, wrong, chosen):
    """Lies that are near enough to matter, in two groups."""
    rows, samples = drawn(11, 6, 5)
    for i in range(wrong):
        rows[2 * i] = rows[0] + np.float32(4 if i % 2 else -9)
    expected = getattr(plain, name.replace('-', '_'))(
        means_of(rows, samples), wrong, **chosen)
    result = applied(RULES[name](11, 2, wrong, **chosen), rows, samples)
    np.testing.assert_allclose(result, expected, atol=1e-4)


@every_case
def test_the_order_of_the_files_does_not_matter(name, wrong, chosen):
    rows, samples = drawn(11, 300, 2)
    rule = RULES[name](11, 2, wrong, **chosen)
    order = np.random.default_rng(1).permutation(11)
    if 'pivot' in chosen or name == 'monna':
        # It trusts a file by its number.
        pivot = chosen.get('pivot', 0)
        order[[int(np.flatnonzero(order == pivot)[0]), pivot]] = (
            order[pivot], pivot)
    shuffled = applied(rule, [rows[i] for i in order], samples[order])
    np.testing.assert_allclose(shuffled, applied(rule, rows, samples),
                               atol=1e-5)


def test_of_equal_scores_the_first_file_wins():
    """Two pairs as close to each other: the files 1 and 2 are first."""
    rows = [[50.0], [1.0], [2.0], [11.0], [12.0]]
    assert applied(RULES['krum'](5, 1, 1, neighbours=1), rows) == 1
    mean = applied(RULES['multi-krum'](5, 1, 1, neighbours=1, picks=3), rows)
    np.testing.assert_allclose(mean, 14 / 3, rtol=1e-6)


def test_of_equal_diameters_the_files_amid_the_others_win():
    """0, 1, 2 and 1, 2, 3 and 2, 3, 4, wherever they stand."""
    for rows in ([0, 4, 1, 3, 2], [4, 3, 2, 1, 0], [2, 3, 1, 0, 4]):
        assert applied(RULES['mda'](5, 2, 2),
                       np.array(rows)[:, np.newaxis]) == 2


def test_of_two_entries_as_close_to_the_median_the_smaller_counts():
    rows = [[0.0], [5.0], [6.0], [7.0], [100.0]]
    assert applied(RULES['meamed'](5, 2, 2), rows) == 6
    rows = [[1.0], [4.0], [6.0], [8.0], [100.0]]
    assert applied(RULES['meamed'](5, 3, 1), rows) == np.float32(19 / 4)
    rows = [[4.0], [6.0], [8.0]]
    assert applied(RULES['meamed'](3, 1, 1), rows) == 5


def test_bulyan_scores_anew_after_each_pick():
    """By one scoring of all the files 0, 1, 2 would be picked, then 3."""
    rows = np.random.default_rng(8).standard_normal((11, 3))
    once = plain.krum_scores(rows, 2)
    at_once = set(sorted(range(11), key=once.__getitem__)[:7])
    left, anew = list(range(11)), set()
    while len(anew) < 7:
        scores = plain.krum_scores(rows[left], 2)
        anew.add(left.pop(scores.index(min(scores))))
    assert at_once != anew
    np.testing.assert_allclose(applied(RULES['bulyan'](11, 2, 2), rows),
                               plain.bulyan(rows, 2), atol=1e-5)


@pytest.mark.parametrize('n, left_out', [(7, 2), (8, 3), (9, 4), (12, 3)])
@pytest.mark.parametrize('seed', range(6))
def test_the_least_diameter_is_found_without_trying_all(n, left_out, seed):
    """Distances of few values, so that there are many equal sets."""
    rng = np.random.default_rng(seed)
    apart = np.triu(rng.integers(1, 6, (n, n)), 1).astype(float)
    apart += apart.T
    best = min(combinations(range(n), n - left_out),
               key=lambda some: (apart[np.ix_(some, some)].max(), some))
    assert mda.least_diameter(apart, left_out) == list(best)


def test_a_large_search_for_the_least_diameter_ends_soon():
    rows = np.random.default_rng(0).standard_normal((60, 8))
    apart = np.square(rows[:, None] - rows).sum(axis=2)
    assert len(mda.least_diameter(apart, mda.MOST_WRONG)) == 40


@pytest.mark.parametrize('seed', range(4))
def test_no_set_is_passed_over_that_is_calmer(seed, monkeypatch):
    rows = np.random.default_rng(seed).standard_normal((9, 3))
    apart = np.square(rows[:, None] - rows).sum(axis=2)
    monkeypatch.setattr(smea, 'FEW', 3)
    monkeypatch.setattr(smea, 'AT_ONCE', 10)
    norms = {some: np.linalg.norm(np.cov(rows[list(some)].T, ddof=0), 2)
             for some in combinations(range(9), 6)}
    assert tuple(smea.calmest(apart, 6)) == min(norms, key=norms.get)


@pytest.mark.parametrize('scale', [1e-30, 1.0, 1e30])
def test_distances_are_right_at_every_scale(scale):
    rows, samples = drawn(9, 5000, 1)
    rows = [row * np.float32(scale) for row in rows]
    found = distances.squared(Rows(rows, samples, 2))
    means = means_of(rows, samples)
    expected = np.square(means[:, None] - means).sum(axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert (found == found.T).all() and not np.diagonal(found).any()


def test_distances_of_files_that_are_close_do_not_cancel():
    """Three clusters far from each other, each with a cluster inside."""
    rng = np.random.default_rng(4)
    centres = np.repeat(rng.standard_normal((3, 2000)), 4, axis=0) * 1e6
    inner = np.repeat(rng.standard_normal((6, 2000)), 2, axis=0) * 1e3
    rows = (centres + inner + rng.standard_normal((12, 2000))).astype(
        np.float32)
    rows[3] = rows[2]
    found = distances.squared(Rows(list(rows), np.ones(12, dtype=int), 1))
    exact = rows.astype(float)
    expected = np.square(exact[:, None] - exact).sum(axis=2)
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    assert found[2, 3] == 0


def test_one_huge_file_spoils_no_other_distance():
    rows, samples = drawn(9, 3000, 1)
    rows[4] = np.full(3000, 3e38, dtype=np.float32)
    found = distances.squared(Rows(rows, samples, 1))
    means = means_of(rows, samples)
    expected = np.square(means[:, None] - means).sum(axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize('name, n, wrong, words', [
    ('krum', 8, 3, "'krum' needs at least 9 rows where 3 .* gets 8, of which "
     'it bears 2 wrong'),
    ('multi-krum', 6, 2, 'at least 7 rows'),
    ('bulyan', 22, 5, 'at least 23 rows .* bears 4'),
    ('meamed', 4, 2, 'at least 5 rows'), ('mda', 4, 2, 'at least 5 rows'),
    ('caf', 6, 3, 'at least 7 rows'), ('smea', 6, 3, 'at least 7 rows'),
    ('mda', 455, 21, 'must be at most 20'),
    ('smea', 60, 6, 'sets of 54 among 60 rows'),
    ('monna', 2, 1, 'at least 3 rows'), ('sign-majority', 2, 1, 'at least'),
    ('centered-clipping', 8, 4, 'at least 9 rows')])
def test_too_few_files_are_refused_when_a_job_is_read(name, n, wrong, words):
    with pytest.raises(ValueError, match=words):
        RULES[name](n, 1, wrong).check()
    assert RULES[name](n, 1, 0).check() is None


@pytest.mark.parametrize('name', RULES)
@pytest.mark.parametrize('n', [1, 2, 3, 4])
def test_rules_go_on_with_fewer_files_than_they_ask_for(name, n):
    rows, samples = drawn(n, 50)
    result = applied(RULES[name](30, 3, 5), rows, samples)
    assert np.isfinite(result).all()


@pytest.mark.parametrize('name, options, words', [
    ('krum', {'neighbours': 11}, 'neighbours 11 .* between 1 and 10'),
    ('krum', {'neighbours': -1}, 'neighbours -1'),
    ('multi-krum', {'picks': 12}, 'picks 12 .* between 1 and .* 11'),
    ('monna', {'pivot': 11}, 'pivot 11 .* between 0 and 10'),
    ('centered-clipping', {'radius': -1.0}, 'radius -1.0 must be at least 0'),
    ('centered-clipping', {'iterations': 0}, 'iterations 0 .* at least 1')])
def test_options_out_of_bounds(name, options, words):
    with pytest.raises(ValueError, match=words):
        RULES[name](11, 2, 2, **options)
