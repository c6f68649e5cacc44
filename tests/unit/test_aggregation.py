"""Aggregation: what every rule must satisfy, and each against another."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize

from aspis_mpi import registry
from aspis_mpi.aggregation import blocks, selection
from aspis_mpi.aggregation.aggregators.geometric_median import GeometricMedian
from aspis_mpi.aggregation.aggregators.mean import Mean
from aspis_mpi.aggregation.aggregators.median import Median
from aspis_mpi.aggregation.aggregators.median_of_means import MedianOfMeans
from aspis_mpi.aggregation.aggregators.trimmed_mean import TrimmedMean
from tests.support.memory import takes_less

PARTS = registry.parts('aggregation')
every_rule = pytest.mark.parametrize('rule', PARTS.values(), ids=PARTS)
#: Signs alone are no mean of anything.
MEANS = {name: part for name, part in PARTS.items()
         if name != 'sign-majority'}
every_mean = pytest.mark.parametrize('rule', MEANS.values(), ids=MEANS)
#: The mean trusts all rows, and MoNNA its pivot; lies may pull a centre that
#: clips them a little out of the honest range.
ROBUST = {name: part for name, part in MEANS.items()
          if name not in ('mean', 'monna', 'centered-clipping')}


@pytest.fixture
def many_blocks(monkeypatch):
    """Blocks of some hundred coordinates, so that small inputs have many."""
    monkeypatch.setattr(blocks, 'SCRATCH', 1 << 13)
    monkeypatch.setattr(blocks, 'MOST', 400)


def draw(n, d, seed=0):
    """Rows that are sums over uneven files, and the files' samples."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(1, 9, n)
    means = rng.standard_normal((n, d)) + rng.standard_normal(d)
    return list((means * samples[:, None]).astype(np.float32)), samples


def made(rule, n, q, wrong):
    """A rule for n rows, of which as many may be wrong as it allows."""
    for fewer in range(wrong, -1, -1):
        found = rule(n, q, fewer)
        try:
            found.check()
        except ValueError:
            continue
        return found
    raise AssertionError('a rule must work where no row is wrong')


def means_of(rows, samples):
    return np.asarray(rows) / samples[:, None].astype(np.float32)


def apply(aggregator, rows, samples, threads=1):
    out = np.full(rows[0].shape, np.nan, dtype=np.float32)
    aggregator.aggregate(rows, samples, out, threads)
    return out


# What holds for every rule.

@every_mean
@pytest.mark.parametrize('n', [1, 2, 3, 8, 15, 31, 60])
def test_equal_files_give_their_mean(rule, n):
    rng = np.random.default_rng(n)
    samples = rng.integers(1, 9, n)
    value = rng.integers(-999, 999, 700).astype(np.float32)
    rows = [value * np.float32(s) for s in samples]
    result = apply(made(rule, n, 0, 1), rows, samples)
    np.testing.assert_allclose(result, value, rtol=1e-6)


@every_mean
def test_a_single_row_is_divided_by_its_samples(rule):
    rows, samples = draw(1, 900)
    result = apply(made(rule, 20, 2, 4), rows, samples)
    np.testing.assert_array_equal(result, means_of(rows, samples)[0])


@every_mean
@pytest.mark.parametrize('n', [2, 3, 4, 10, 29, 57])
def test_result_lies_between_the_files(rule, n):
    """Also when fewer files arrive than the rule was made for."""
    rows, samples = draw(n, 800)
    result = apply(made(rule, 60, 3, 9), rows, samples)
    means = means_of(rows, samples)
    slack = 1e-6 * np.abs(means).max(axis=0)
    assert (result >= means.min(axis=0) - slack).all()
    assert (result <= means.max(axis=0) + slack).all()


@every_rule
@pytest.mark.parametrize('n', [9, 50])
def test_rows_are_only_read(rule, n):
    rows, samples = draw(n, 5000)
    before = [row.copy() for row in rows]
    for row in rows:
        row.flags.writeable = False
    apply(made(rule, n, 1, 2), rows, samples, threads=2)
    np.testing.assert_array_equal(rows, before)


@every_rule
@pytest.mark.parametrize('n', [12, 45])
def test_bits_do_not_depend_on_threads(rule, n, many_blocks):
    rows, samples = draw(n, 4321)
    aggregator = made(rule, n, 1, 4)
    alone = apply(aggregator, rows, samples)
    assert np.isfinite(alone).all()
    for threads in (2, 3, 5, 64):
        shared = apply(aggregator, rows, samples, threads)
        assert shared.tobytes() == alone.tobytes()


@every_rule
def test_bits_do_not_depend_on_earlier_calls(rule):
    rows, samples = draw(9, 300)
    other, other_samples = draw(7, 500, seed=1)
    aggregator = made(rule, 9, 1, 2)
    first = apply(aggregator, rows, samples)
    apply(aggregator, other, other_samples)
    assert apply(aggregator, rows, samples).tobytes() == first.tobytes()


@every_rule
@pytest.mark.parametrize('n', [10, 50])
def test_blocks_do_not_show(rule, n, monkeypatch):
    rows, samples = draw(n, 3000)
    whole = apply(made(rule, n, 1, 4), rows, samples)
    monkeypatch.setattr(blocks, 'MOST', 60)
    pieces = apply(made(rule, n, 1, 4), rows, samples)
    np.testing.assert_allclose(pieces, whole, rtol=1e-5, atol=1e-6)


@every_mean
@pytest.mark.parametrize('n', [9, 44])
def test_translation_moves_the_result(rule, n):
    rows, samples = draw(n, 700)
    shift = np.random.default_rng(5).normal(0, 3, 700).astype(np.float32)
    moved = [row + np.float32(s) * shift for row, s in zip(rows, samples)]
    aggregator = made(rule, n, 1, 2)
    np.testing.assert_allclose(apply(aggregator, moved, samples),
                               apply(aggregator, rows, samples) + shift,
                               atol=2e-5)


@every_mean
@pytest.mark.parametrize('exponent', [-100, -40, 40, 90])
def test_no_rule_has_a_scale_of_its_own(rule, exponent):
    rows, samples = draw(11, 700)
    scale = np.float32(2.0 ** exponent)
    aggregator = made(rule, 11, 1, 3)
    scaled = apply(aggregator, [row * scale for row in rows], samples)
    np.testing.assert_allclose(scaled / scale,
                               apply(aggregator, rows, samples),
                               rtol=1e-5, atol=1e-6)


@every_rule
@pytest.mark.parametrize('n', [20, 60])
def test_no_temporary_as_large_as_the_rows(rule, n):
    rows, samples = draw(n, 200_000)
    aggregator, out = made(rule, n, 1, 4), np.empty(200_000, dtype=np.float32)
    assert takes_less(
        1.5 * blocks.SCRATCH, lambda: aggregator.aggregate(rows, samples, out))


@every_rule
def test_what_does_not_fit_is_refused(rule):
    rows, samples = draw(5, 20)
    out = np.empty(20, dtype=np.float32)
    aggregator = rule(5, 1, 1)
    with pytest.raises(ValueError, match='0 rows .* at least 1'):
        aggregator.aggregate([], [], out)
    with pytest.raises(ValueError, match=r'\(4,\) do not fit 5 rows'):
        aggregator.aggregate(rows, samples[:4], out)
    with pytest.raises(ValueError, match='count 0 .* at least 1'):
        aggregator.aggregate(rows, samples * [1, 1, 0, 1, 1], out)
    with pytest.raises(ValueError, match=r'\(19,\) does not fit'):
        aggregator.aggregate([*rows[:4], rows[4][1:]], samples, out)


@every_rule
def test_impossible_sizes_are_refused(rule):
    with pytest.raises(ValueError, match='files 0 must be at least 1'):
        rule(0, 0, 0)
    with pytest.raises(ValueError, match='adversaries -1 must be at least 0'):
        rule(5, -1, 0)


# Wrong rows.

@pytest.mark.parametrize('rule', ROBUST.values(), ids=ROBUST)
@pytest.mark.parametrize('n', [21, 49])
@pytest.mark.parametrize('lie', [1e30, -1e30, 3e38])
def test_robust_rules_stay_among_the_honest(rule, n, lie):
    """W wrong rows, wherever they stand, leave the honest range alone."""
    rows, samples = draw(n, 500)
    aggregator = made(rule, n, 2, n // 4)
    wrong = np.random.default_rng(n).permutation(n)[:aggregator.worst_case]
    assert wrong.size
    honest = np.delete(means_of(rows, samples), wrong, axis=0)
    for i in wrong:
        rows[i] = np.full(500, lie, dtype=np.float32)
    result = apply(aggregator, rows, samples)
    slack = 1e-6 * np.abs(honest).max(axis=0)
    assert (result >= honest.min(axis=0) - slack).all()
    assert (result <= honest.max(axis=0) + slack).all()


@pytest.mark.parametrize('rule', ROBUST.values(), ids=ROBUST)
def test_robust_rules_survive_lies_of_both_signs(rule):
    rows, samples = draw(19, 500)
    aggregator = made(rule, 19, 2, 5)
    lies = zip((0, 1, 7, 8), (3e38, -3e38, 1e30, -2e38))
    for i, lie in list(lies)[:aggregator.worst_case]:
        rows[i] = np.full(500, lie, dtype=np.float32)
    assert np.abs(apply(aggregator, rows, samples)).max() < 10


@pytest.mark.parametrize('lie', [1e30, -3e38])
def test_lies_pull_a_clipping_centre_no_further_than_its_radius(lie):
    rows, samples = draw(21, 500)
    for i in range(16, 21):
        rows[i] = np.full(500, lie, dtype=np.float32)
    start = apply(Median(21, 2, 5), rows, samples)
    for iterations in (1, 3):
        rule = PARTS['centered-clipping'](21, 2, 5, radius=2.0,
                                          iterations=iterations)
        moved = apply(rule, rows, samples) - start
        assert 0 < np.linalg.norm(moved) <= 2.0 * iterations


def test_wrong_votes_turn_no_sign_that_is_certain():
    rows = [np.array([1, -2, 3, 0], dtype=np.float32)] * 6
    rows += [np.array([-9, 9, 9, 9], dtype=np.float32)] * 5
    result = apply(PARTS['sign-majority'](11, 2, 5), rows, np.ones(11))
    assert result.tolist() == [1, -1, 1, 1]


def test_who_trusts_one_row_is_led_by_it():
    """MoNNA with its pivot right, and with a wrong one."""
    rows, samples = draw(15, 500)
    for i in range(1, 5):
        rows[i] = np.full(500, 1e30, dtype=np.float32)
    right = apply(PARTS['monna'](15, 2, 4), rows, samples)
    wrong = apply(PARTS['monna'](15, 2, 4, pivot=2), rows, samples)
    assert np.abs(right).max() < 10 and np.abs(wrong).min() > 1e28


def test_one_row_carries_the_mean_away():
    rows, samples = draw(21, 50)
    rows[3] = np.full(50, 1e30, dtype=np.float32)
    assert apply(Mean(21, 2, 5), rows, samples).min() > 1e27


# Each rule against another implementation.

def test_mean_is_exact_on_integers():
    """Sums below 2^24 are exact; only the one division rounds."""
    rng = np.random.default_rng(3)
    samples = rng.integers(1, 9, 60)
    whole = rng.integers(-200_000, 200_000, (60, 1000))
    result = apply(Mean(60, 0, 0), list(whole.astype(np.float32)), samples)
    exact = whole.sum(axis=0).astype(np.float32)
    np.testing.assert_array_equal(result, exact / np.float32(samples.sum()))


def test_mean_weighs_files_by_their_samples():
    rows, samples = draw(30, 400)
    expected = np.average(means_of(rows, samples), axis=0, weights=samples)
    np.testing.assert_allclose(apply(Mean(30, 0, 0), rows, samples),
                               expected, atol=1e-5)


@pytest.mark.parametrize('n', [1, 2, 3, 4, 15, 16, 25, 40, 41, 64, 101])
def test_median_equals_numpy(n, many_blocks):
    rows, samples = draw(n, 1000)
    np.testing.assert_array_equal(
        apply(Median(n, 0, 0), rows, samples),
        np.median(means_of(rows, samples), axis=0))


@pytest.mark.parametrize('n, trim', [(1, 0), (5, 0), (5, 1), (5, 2), (20, 7),
                                     (40, 3), (41, 0), (41, 3), (90, 44)])
def test_trimmed_mean_equals_scipy(n, trim, many_blocks):
    # Takes a second, which whoever only collects the tests need not spend.
    from scipy.stats import trim_mean
    rows, samples = draw(n, 1000)
    expected = trim_mean(means_of(rows, samples).astype(float),
                         (trim + 0.1) / n, axis=0)
    result = apply(TrimmedMean(n, 0, 0, trim=trim), rows, samples)
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_median_of_means_by_hand():
    """Seven files in three buckets: rows 0-1, 2-3, 4-6."""
    rows = [np.array([x], dtype=np.float32) for x in (1, 5, 8, 0, 9, 9, 9)]
    samples = [1, 2, 1, 1, 1, 1, 7]
    result = apply(MedianOfMeans(7, 1, 1, buckets=3), rows, samples)
    assert result == np.float32(3)      # of 6/3, 8/2 and 27/9


@pytest.mark.parametrize('n', [10, 53])
def test_median_of_means_between_mean_and_median(n):
    rows, samples = draw(n, 500)
    np.testing.assert_array_equal(
        apply(MedianOfMeans(n, 0, 0, buckets=1), rows, samples),
        apply(Mean(n, 0, 0), rows, samples))
    np.testing.assert_array_equal(
        apply(MedianOfMeans(n, 0, 0, buckets=n), rows, samples),
        apply(Median(n, 0, 0), rows, samples))


@pytest.mark.parametrize('seed', range(3))
def test_geometric_median_is_the_minimum(seed):
    rows, samples = draw(9, 4, seed)
    means = means_of(rows, samples).astype(float)

    def total(point):
        return np.linalg.norm(means - point, axis=1).sum()

    best = minimize(total, means.mean(axis=0), tol=1e-12)
    result = apply(GeometricMedian(9, 0, 0, iterations=300), rows, samples)
    np.testing.assert_allclose(result, best.x, atol=1e-4)
    few = apply(GeometricMedian(9, 0, 0), rows, samples)
    assert total(few) <= 1.01 * best.fun


def test_geometric_median_of_a_majority_is_its_point():
    rows, _ = draw(9, 100)
    rows[4:] = [rows[0]] * 5
    result = apply(GeometricMedian(9, 0, 0), rows, np.full(9, 3))
    np.testing.assert_allclose(result, rows[0] / 3, atol=1e-6)


# Options.

@pytest.mark.parametrize('n_files, q, worst, buckets', [
    (455, 3, 10, 21), (455, 3, -1, 7), (15, 7, 182, 15), (5, 0, 0, 1),
    (4, 2, 1, 4)])
def test_default_buckets(n_files, q, worst, buckets):
    assert MedianOfMeans(n_files, q, worst).buckets == buckets


@pytest.mark.parametrize('buckets', [-1, 1, 4, 16])
def test_buckets_out_of_bounds(buckets):
    with pytest.raises(ValueError, match=f'buckets {buckets} must be between '
                                         '2q.1 = 5 and .* 15'):
        MedianOfMeans(15, 2, 2, buckets=buckets)


@pytest.mark.parametrize('n_files, worst, trim', [
    (455, 10, 10), (15, -1, 0), (15, 7, 7), (15, 99, 7), (4, 2, 1), (1, 1, 0)])
def test_default_trim(n_files, worst, trim):
    assert TrimmedMean(n_files, 0, worst).trim == trim


@pytest.mark.parametrize('trim', [-2, 8, 15])
def test_trim_out_of_bounds(trim):
    with pytest.raises(ValueError, match=f'trim {trim} must be between 0 and '
                                         '7.* 15 files'):
        TrimmedMean(15, 2, 2, trim=trim)


def test_iterations_out_of_bounds():
    with pytest.raises(ValueError, match='iterations 0 must be at least 1'):
        GeometricMedian(5, 1, 1, iterations=0)


@every_rule
def test_options_are_typed_and_have_defaults(rule):
    for parameter in registry.options(rule).values():
        assert isinstance(parameter.default, parameter.annotation)


# Selection.

@pytest.mark.parametrize('n', range(1, 11))
def test_network_selects_for_every_input(n):
    """By the zero-one principle all 2^n columns of bits are a proof."""
    bits = np.array(list(product((0, 1), repeat=n)), dtype=np.float32).T
    spare, out = np.empty((2, bits.shape[1]), dtype=np.float32)
    for trim in range((n - 1) // 2 + 1):
        selection.trimmed_mean(bits.copy(), trim, spare, out)
        middle = np.sort(bits, axis=0)[trim:n - trim]
        np.testing.assert_allclose(out, middle.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize('n', [33, 40])
def test_network_and_sorting_agree(n, monkeypatch):
    values = np.random.default_rng(n).standard_normal((n, 300), np.float32)
    spare, network, sorting = np.empty((3, 300), dtype=np.float32)
    for trim in (1, n // 4, (n - 1) // 2):
        monkeypatch.setattr(selection, 'NETWORK_ROWS', n)
        selection.trimmed_mean(values.copy(), trim, spare, network)
        monkeypatch.setattr(selection, 'NETWORK_ROWS', 0)
        selection.trimmed_mean(values.copy(), trim, spare, sorting)
        np.testing.assert_allclose(network, sorting, atol=1e-6)
