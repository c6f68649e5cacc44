"""Pre-aggregations, and the rules behind them."""


import numpy as np
import pytest

from aspis_mpi.aggregation import blocks
from aspis_mpi.aggregation.base import Aggregator
from aspis_mpi.aggregation.preaggregation import Chain, ChainMaker
from tests.support import plain_aggregation as plain
from tests.support.memory import takes_less
from tests.support.robust_cases import (
    BEFORE, RULES, applied, chained, drawn, means_of, mixed)

any_before = pytest.mark.parametrize('name', BEFORE)
any_rule = pytest.mark.parametrize('rule', RULES)


@pytest.mark.parametrize('name, options', [
    ('nnm', {}), ('arc', {}), ('clipping', {'longest': 5.0})])
@pytest.mark.parametrize('wrong', [1, 4])
def test_each_is_what_its_paper_says(name, options, wrong):
    rows, samples = drawn(11, 200, wrong)
    expected = getattr(plain, name)(means_of(rows, samples), wrong, **options)
    found = mixed(name, rows, wrong, samples, **options)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found - means_of(rows, samples)).max() > 0.01


def test_nnm_may_mix_another_number_of_files():
    rows, samples = drawn(11, 200)
    found = mixed('nnm', rows, 4, samples, mixed=3)
    np.testing.assert_allclose(found, plain.nnm(means_of(rows, samples), 8),
                               atol=1e-5)


@pytest.mark.parametrize('n, size, buckets', [(10, 2, 5), (11, 2, 6),
                                              (11, 4, 3), (11, 1, 11)])
def test_every_file_is_in_one_bucket(n, size, buckets):
    """Files that are powers of two show where they are."""
    rows = np.exp2(np.arange(n))[:, None] * np.ones((1, 30))
    found = mixed('bucketing', rows, 1, bucket_size=size)
    assert len(found) == buckets
    sizes = np.full(buckets, size)
    sizes[-1] = n - size * (buckets - 1)
    sums = np.rint(found[:, 0] * sizes).astype(int)
    assert sum(sums) == 2 ** n - 1
    assert [int(it).bit_count() for it in sums] == sizes.tolist()
    np.testing.assert_allclose(found, np.repeat(found[:, :1], 30, axis=1))


def test_buckets_are_dealt_anew_for_other_files_but_not_in_another_order():
    rows = np.random.default_rng(0).standard_normal((12, 40))

    def dealt(rows):
        found = mixed('bucketing', rows, 1)
        return {tuple(np.round(row[:2], 4)) for row in found}

    order = np.random.default_rng(1).permutation(12)
    assert dealt(rows) == dealt(rows[order])
    seen = set()
    for step in range(30):
        other = rows + 0.001 * step
        means = mixed('bucketing', other, 1)
        apart = np.abs((other[0] + other[1]) / 2 - means).max(axis=1).min()
        seen.add(bool(apart < 1e-5))
    assert seen == {True, False}


def test_nobody_stays_longer_than_the_bound():
    rows, samples = drawn(11, 200)
    rows[3] = np.full(200, 3e38, dtype=np.float32)
    norms = np.linalg.norm(mixed('clipping', rows, 2, samples, longest=3.0),
                           axis=1)
    np.testing.assert_allclose(norms, 3.0, rtol=1e-5)
    longest = np.sort(np.linalg.norm(means_of(rows, samples), axis=1))
    norms = np.linalg.norm(mixed('arc', rows, 2, samples), axis=1)
    # floor(2 (2/11) (11 - 2)) = 3 are as long as the next one.
    np.testing.assert_allclose(np.sort(norms)[-4:], longest[-4], rtol=1e-5)


@any_before
@any_rule
def test_a_rule_behind_it_sees_what_it_makes(name, rule):
    """As if what it makes of the files were files of one sample each."""
    rows, samples = drawn(23, 400, 3)
    chain = chained([name], rule, 23, 2)
    inner = mixed(name, rows, 2, samples)
    alone = RULES[rule](len(inner), 1, 2)
    np.testing.assert_allclose(applied(chain, rows, samples),
                               applied(alone, inner), atol=1e-4)


@any_before
@any_rule
def test_rows_are_only_read_and_threads_do_not_show(name, rule, monkeypatch):
    monkeypatch.setattr(blocks, 'SCRATCH', 1 << 13)
    rows, samples = drawn(13, 4000)
    before = [row.copy() for row in rows]
    for row in rows:
        row.flags.writeable = False
    chain = chained([name], rule, 13, 2)
    alone = applied(chain, rows, samples)
    assert applied(chain, rows, samples, 3).tobytes() == alone.tobytes()
    assert np.isfinite(alone).all()
    np.testing.assert_array_equal(rows, before)


@any_before
@any_rule
def test_nothing_is_made_as_large_as_the_files(name, rule):
    rows, samples = drawn(20, 100_000)
    chain, out = chained([name], rule, 20, 2), np.empty(100_000, np.float32)
    assert takes_less(
        1.5 * blocks.SCRATCH, lambda: chain.aggregate(rows, samples, out))


@any_before
@pytest.mark.parametrize('rule', ['median', 'krum', 'trimmed-mean', 'caf'])
@pytest.mark.parametrize('lie', [1e30, -3e38])
def test_robust_rules_stay_robust_behind_it(name, rule, lie):
    rows, samples = drawn(23, 400, 3)
    chain = chained([name], rule, 23, 3)
    for i in (0, 7, 11):
        rows[i] = np.full(400, lie, dtype=np.float32)
    honest = np.delete(means_of(rows, samples), (0, 7, 11), axis=0)
    assert np.linalg.norm(applied(chain, rows, samples)) < 2 * np.linalg.norm(
        honest, axis=1).max()


def test_several_come_in_the_order_of_the_job():
    rows, samples = drawn(12, 300)
    one, other = (chained(names, 'median', 12, 4) for names in (
        ['nnm', 'arc'], ['arc', 'nnm']))
    means = mixed('arc', mixed('nnm', rows, 4, samples), 4)
    np.testing.assert_allclose(applied(one, rows, samples),
                               np.median(means, axis=0), atol=1e-5)
    assert np.abs(applied(one, rows, samples)
                  - applied(other, rows, samples)).max() > 1e-3


def test_a_rule_is_made_for_the_rows_that_are_left():
    chain = chained(['bucketing'], 'multi-krum', 25, 3, bucket_size=2)
    assert chain.rule.n_files == 13 and chain.rule.worst_case == 3
    assert chain.check() is None
    with pytest.raises(ValueError, match="'krum' needs at least 11 rows .* "
                                         'gets 10, of which it bears 3'):
        chained(['bucketing'], 'krum', 20, 4).check()


@pytest.mark.parametrize('name, n, wrong, words', [
    ('nnm', 6, 3, "'nnm' needs at least 7 rows where 3"),
    ('arc', 4, 2, "'arc' needs at least 5 rows"),
    ('bucketing', 12, 3, "'bucketing' needs at least 13 rows .* bears 2")])
def test_too_few_files_are_refused_when_a_job_is_read(name, n, wrong, words):
    with pytest.raises(ValueError, match=words):
        chained([name], 'mean', n, wrong).check()
    assert chained([name], 'mean', n + 1, wrong).check() is None


@pytest.mark.parametrize('name, options, words', [
    ('nnm', {'mixed': 12}, 'mixed 12 must be between 1 and .* 11'),
    ('bucketing', {'bucket_size': 0}, 'bucket_size 0 must be between 1'),
    ('clipping', {'longest': 0.0}, 'longest 0.0 must be finite and above 0')])
def test_options_out_of_bounds(name, options, words):
    with pytest.raises(ValueError, match=words):
        BEFORE[name](11, 2, 2, **options)


@any_before
def test_a_step_with_a_single_file_is_no_trouble(name):
    rows, samples = drawn(1, 50)
    chain = chained([name], 'mean', 11, 2)
    found = applied(chain, rows, samples)
    assert np.isfinite(found).all()


def test_a_rule_that_reads_the_files_by_itself_is_refused():
    class Own(Aggregator):
        def aggregate(self, rows, samples, out, threads=1):
            np.copyto(out, rows[0])

    with pytest.raises(ValueError, match='Own has an aggregate of its own'):
        Chain([BEFORE['nnm'](5, 1, 1)], Own(5, 1, 1))


def test_without_any_a_rule_is_itself():
    rule = ChainMaker((), RULES['mean'])(5, 1, 1)
    assert type(rule) is RULES['mean'] and rule.is_plain_mean
