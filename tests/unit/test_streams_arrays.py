"""Seeded streams and flat vectors: equality of bits, finiteness, norms."""

import os
import subprocess
import sys

import numpy as np
import pytest

from aspis_mpi import arrays, streams

LENGTHS = (1, 2, 1000, arrays.BLOCK - 1, arrays.BLOCK, arrays.BLOCK + 1,
           3 * arrays.BLOCK + 5)
every_length = pytest.mark.parametrize('length', LENGTHS)

#: What stream (7, 'samples', 0) drew when run logs began.
PERMUTATION = [4, 7, 0, 1, 5, 2, 3, 6]


def vector(length, seed=0, scale=1.0):
    drawn = np.random.default_rng(seed).standard_normal(length)
    return (scale * drawn).astype(np.float32)


# --- streams -----------------------------------------------------------

def first(*names):
    return streams.generator(*names).integers(1 << 62, size=4).tolist()


def test_one_name_one_stream():
    assert first(7, 'samples', 3) == first(7, 'samples', 3)
    assert first(np.int64(7), 'samples', 3) == first(7, 'samples', 3)


@pytest.mark.parametrize('other', [
    (8, 'samples', 3), (7, 'samples', 4), (7, 'sample', 3), (7, 'samples'),
    (7, 'samples', '3'), (7, 'samples/3'), (7, 'samples', 3, 0),
    (7, "samples'", 3), (7,)])
def test_another_name_another_stream(other):
    assert first(*other) != first(7, 'samples', 3)


def test_streams_are_the_same_in_every_process():
    """Python's own hash is salted, so it must not decide anything."""
    code = ('from aspis_mpi import streams; '
            "print(streams.generator(7, 'a', 1).integers(1 << 62))")
    drawn = {subprocess.run([sys.executable, '-c', code], check=True,
                            capture_output=True, env={'PYTHONHASHSEED': salt,
                                                      'PYTHONPATH': path},
                            ).stdout
             for salt in ('0', '1') for path in [':'.join(sys.path)]}
    assert drawn == {b'%d\n' % streams.generator(7, 'a', 1).integers(1 << 62)}


def test_a_stream_does_not_change_from_version_to_version():
    """The log of an old run can be reproduced."""
    assert streams.generator(7, 'samples', 0).permutation(8).tolist() == (
        PERMUTATION)


def test_streams_look_independent():
    """Correlations between streams are those of chance."""
    draws = np.array([streams.generator(1, 'x', i).standard_normal(1000)
                      for i in range(50)])
    correlations = np.corrcoef(draws)[np.triu_indices(50, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(1000)


# --- coins -------------------------------------------------------------

def coins(*names):
    return streams.Coins(streams.generator(7, 'coins', *names).bytes)


def said(n, draws, draw):
    """How often each of 0 ... n - 1 is drawn."""
    return np.bincount([draw() for _ in range(draws)], minlength=n)


def chi_square(counts):
    expected = counts.sum() / len(counts)
    return float(((counts - expected) ** 2).sum() / expected)


@pytest.mark.parametrize('n', [1, 2, 3, 7, 10, 64])
def test_every_number_below_is_drawn_as_often(n):
    source = coins(n)
    counts = said(n, 200 * n, lambda: source.below(n))
    assert len(counts) == n
    # Six standard deviations above the mean n - 1.
    assert chi_square(counts) <= n - 1 + 6 * np.sqrt(2 * n)


def test_a_number_below_is_exactly_uniform():
    """Words above the last multiple of n are drawn again, not folded."""
    n = 3 << 62
    words = iter([(1 << 64) - 1, n, n - 1])
    source = streams.Coins(lambda size: next(words).to_bytes(size, 'little'))
    assert source.below(n) == n - 1
    assert coins().below(1 << 64) < 1 << 64


def test_all_orders_are_drawn_as_often():
    source, orders = coins('orders'), {}
    for _ in range(4800):
        order = tuple(source.permutation(4))
        orders[order] = orders.get(order, 0) + 1
    assert len(orders) == 24
    assert chi_square(np.array(list(orders.values()))) <= 23 + 6 * np.sqrt(48)
    assert source.permutation(0) == [] and source.permutation(1) == [0]


@pytest.mark.parametrize('probability', [0.0, 0.1, 0.5, 1.0])
def test_a_coin_has_its_probability(probability):
    source, n = coins('coin'), 4000
    heads = sum(source.coin(probability) for _ in range(n))
    error = np.sqrt(n * probability * (1 - probability))
    assert abs(heads - n * probability) <= 4 * error


def test_a_coin_has_its_probability_to_the_last_bit():
    """The first n of 2^53 words are heads, no more and no less."""
    for word, head in ((0, True), ((1 << 51) - 1, True), (1 << 51, False)):
        source = streams.Coins(
            lambda size, word=word: (word << 11).to_bytes(size, 'little'))
        assert source.coin(0.25) is head


def test_draws_are_repeated_only_by_the_same_source(monkeypatch):
    # The operating system itself: that of tests is seeded.
    monkeypatch.setattr(streams, 'os', os)
    def drawn(source):
        return source.seed(), source.below(1 << 60), source.permutation(9)
    assert drawn(coins(1)) == drawn(coins(1)) != drawn(coins(2))
    assert drawn(streams.Coins()) != drawn(streams.Coins())


def test_a_seed_keeps_all_bits_of_its_secret():
    low, high = streams.Coins(lambda n: bytes(range(n))).seed()
    assert streams.secret((low, high)) == bytes(range(16))
    assert np.uint64(low) == low and np.uint64(high) == high


@pytest.mark.parametrize('draw', [
    lambda: coins().below(0), lambda: coins().below((1 << 64) + 1),
    lambda: coins().coin(1.5), lambda: coins().coin(float('nan'))])
def test_what_cannot_be_drawn_is_refused(draw):
    with pytest.raises(ValueError, match='must be between'):
        draw()


# --- vectors -----------------------------------------------------------

@pytest.mark.parametrize('size, block', [(0, 3), (1, 3), (3, 3), (10, 3)])
def test_blocks_cut_without_gap_or_overlap(size, block):
    cut = arrays.blocks(size, block)
    assert [i for s in cut for i in range(s.start, s.stop)] == list(
        range(size))
    assert all(0 < s.stop - s.start <= block for s in cut)


@every_length
def test_one_flipped_bit_anywhere_makes_a_difference(length):
    a = vector(length)
    assert arrays.equal_bits(a, a) and arrays.equal_bits(a, a.copy())
    for place in {0, length // 2, length - 1}:
        for bit in (0, 22, 31):
            b = a.copy()
            b.view(np.uint32)[place] ^= np.uint32(1 << bit)
            assert not arrays.equal_bits(a, b)


def test_bits_and_not_values_are_compared():
    zero, minus = np.float32([0.0]), np.float32([-0.0])
    assert not arrays.equal_bits(zero, minus)
    nan = np.float32([np.nan])
    assert arrays.equal_bits(nan, nan.copy())
    other = nan.copy()
    other.view(np.uint32)[0] ^= 1
    assert np.isnan(other[0]) and not arrays.equal_bits(nan, other)


@every_length
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_one_bad_entry_anywhere_is_found(length, bad):
    x = vector(length)
    assert arrays.is_finite(x)
    for place in {0, length // 2, length - 1}:
        y = x.copy()
        y[place] = bad
        assert not arrays.is_finite(y)


def test_a_large_vector_is_finite_though_its_norm_overflows():
    x = np.full(1000, 3e38, dtype=np.float32)
    assert arrays.is_finite(x)
    x[-1] = np.inf
    assert not arrays.is_finite(x)
    assert not arrays.is_finite(np.float32([np.inf, -np.inf]))


@every_length
def test_norm(length):
    x = vector(length, scale=1e3)
    exact = np.linalg.norm(x.astype(np.float64))
    assert arrays.norm(x) == pytest.approx(exact, rel=1e-12)


def test_norm_does_not_overflow():
    x = np.full(4, 3e38, dtype=np.float32)
    assert arrays.norm(x) == pytest.approx(6e38, rel=1e-6)


@every_length
@pytest.mark.parametrize('change', [1e-3, 1.0, 100.0])
def test_relative_distance(length, change):
    a = vector(length)
    b = a + vector(length, seed=1, scale=change)
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    exact = np.linalg.norm(wide_a - wide_b) / min(
        np.linalg.norm(wide_a), np.linalg.norm(wide_b))
    assert arrays.relative_distance(a, b) == pytest.approx(exact, rel=1e-4)
    assert arrays.relative_distance(b, a) == arrays.relative_distance(a, b)
    assert arrays.relative_distance(a, a) == 0


def test_relative_distance_at_the_edges():
    zero, one = np.zeros(3, np.float32), np.ones(3, np.float32)
    nan = np.full(3, np.nan, np.float32)
    large = np.full(3, 3e38, np.float32)
    assert arrays.relative_distance(zero, zero) == 0
    assert arrays.relative_distance(zero, one) == np.inf
    assert arrays.relative_distance(nan, one) == np.inf
    assert arrays.relative_distance(nan, nan) == np.inf
    assert arrays.relative_distance(large, one) == pytest.approx(3e38)
    assert arrays.relative_distance(zero, one, 4.0) == pytest.approx(
        np.sqrt(3) / 4)
    assert arrays.relative_distance(large, nan, 1.0) == np.inf
    assert arrays.relative_distance(zero, zero, 1.0) == 0


@pytest.mark.parametrize('scale', [1e-30, 1e-12, 1.0, 1e12, 1e30])
@pytest.mark.parametrize('change', [1e-6, 1e-4])
def test_small_relative_distances_at_any_scale(scale, change):
    a = (vector(70_000) * scale).astype(np.float32)
    b = (a * (1 + change * vector(70_000, seed=1))).astype(np.float32)
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    norm = min(np.linalg.norm(wide_a), np.linalg.norm(wide_b))
    exact = np.linalg.norm(wide_a - wide_b)
    assert arrays.relative_distance(a, b) == pytest.approx(
        exact / norm, rel=1e-4)
    assert arrays.relative_distance(a, b, 2 * norm) == pytest.approx(
        exact / norm / 2, rel=1e-4)
    assert arrays.relative_distance(a, b, norm / 2) == pytest.approx(
        exact / norm, rel=1e-4)
    assert arrays.relative_distance(a, b, np.nan) == pytest.approx(
        exact / norm, rel=1e-4)


def test_nothing_is_written_and_nothing_warns(recwarn):
    a = vector(arrays.BLOCK + 3)
    b = np.where(a > 2, np.float32(np.nan), a)
    a.setflags(write=False)
    b.setflags(write=False)
    arrays.equal_bits(a, b)
    arrays.relative_distance(a, b)
    arrays.is_finite(b)
    arrays.is_finite(np.full(9, 3e38, dtype=np.float32))
    assert not recwarn.list


def test_what_is_set_apart_differs_where_it_counts():
    """By its largest entry, and only where it was equal."""
    a = vector(arrays.BLOCK + 3)
    a[0], place = 0.0, np.abs(a).argmax()
    b = a.copy()
    arrays.set_apart(b, a)
    assert np.flatnonzero(a != b).tolist() == [place]
    assert arrays.relative_distance(a, b) > 0.01
    for zero in 0.0, -0.0:
        b = np.zeros(5, dtype=np.float32)
        arrays.set_apart(b, np.full(5, zero, dtype=np.float32))
        assert b.tolist() == [1, 0, 0, 0, 0]
    for other in a + 1, np.full_like(a, np.nan):
        b = a.copy()
        arrays.set_apart(b, other)
        assert arrays.equal_bits(a, b)
