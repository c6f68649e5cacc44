"""Sketches: the same V everywhere, exact sums, nothing long in memory."""

import math
import warnings

import numpy as np
import pytest

from aspis_mpi.coding.challenge import compare, passes
from aspis_mpi.coding.combine import payload_size
from aspis_mpi.coding.sketching import BLOCK, FEW, RMS, matrix, sketch
from aspis_mpi.streams import raw_words
from tests.support.memory import takes_less

SECRET, OTHER = b'one secret of 16', b'and another one!'


def vectors(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)).astype(np.float32)


# --- the matrix --------------------------------------------------------

def philox(counter, key):
    """Philox 4x64-10 (Salmon et al., SC 2011), four words at a counter."""
    words, (k0, k1) = [counter, 0, 0, 0], key
    for _ in range(10):
        low = 0xD2E7470EE14C6C93 * words[0]
        high = 0xCA5A826395121157 * words[2]
        words = [high >> 64 ^ words[1] ^ k0, high % 2 ** 64,
                 low >> 64 ^ words[3] ^ k1, low % 2 ** 64]
        k0 = (k0 + 0x9E3779B97F4A7C15) % 2 ** 64
        k1 = (k1 + 0xBB67AE8584CAA73B) % 2 ** 64
    return words


def test_the_matrix_is_the_same_on_every_machine():
    assert philox(0, (0, 0))[0] == 0x16554D9ECA36314C
    key = [int.from_bytes(half, 'little') for half in (SECRET[:8], SECRET[8:])]
    words = sum((philox(1 + n, key) for n in range(5)), [])
    assert raw_words(SECRET, 0, 20).tolist() == words
    assert raw_words(SECRET, 7, 6).tolist() == words[7:13]
    raw = b''.join(word.to_bytes(8, 'little') for word in words)
    numbers = [int.from_bytes(raw[i:i + 2], 'little', signed=True) + 0.5
               for i in range(0, len(raw), 2)]
    np.testing.assert_array_equal(matrix(SECRET, 8, slice(0, 10)).ravel(),
                                  numbers)


@pytest.mark.parametrize('k', [1, 3, 4, 8, 9])
def test_a_block_needs_none_before_it(k):
    whole = matrix(SECRET, k, slice(0, 300))
    for start, stop in [(0, 1), (1, 2), (7, 133), (298, 300), (5, 5)]:
        np.testing.assert_array_equal(
            matrix(SECRET, k, slice(start, stop)), whole[start:stop])
    assert matrix(SECRET, k, slice(10 ** 12, 10 ** 12 + 9)).shape == (9, k)


def test_entries_are_uniform_independent_and_of_mean_zero():
    entries = matrix(SECRET, 8, slice(0, 1 << 17)) / RMS
    n = entries.size
    assert abs(entries.mean()) < 5 / math.sqrt(n)
    assert abs((entries ** 2).mean() - 1) < 5 / math.sqrt(n)
    counts = np.histogram(entries, 64, (-math.sqrt(3), math.sqrt(3)))[0]
    assert counts.sum() == n
    assert ((counts - n / 64) ** 2).sum() / (n / 64) < 63 + 6 * math.sqrt(126)
    # Of rows, and of coordinates.
    products = entries.T @ entries / len(entries) - np.eye(8)
    assert abs(products).max() < 6 / math.sqrt(len(entries))
    assert abs((entries[1:] * entries[:-1]).mean()) < 5 / math.sqrt(n)


@pytest.mark.parametrize('bad', [b'', b'short', bytes(17)])
def test_a_secret_has_16_bytes(bad):
    with pytest.raises(ValueError, match=f'{len(bad)} bytes must have 16'):
        sketch(vectors(1, 5), 1, bad)


# --- sketches ----------------------------------------------------------

@pytest.mark.parametrize('d', [1, 2, 5, 1000, BLOCK, 2 * BLOCK + 7])
@pytest.mark.parametrize('copies', [1, 2, 3])
def test_a_sketch_is_the_exact_product_of_each_part(d, copies):
    gradients, size = vectors(9, d), payload_size(d, copies)
    padded = np.zeros((9, copies * size))
    padded[:, :d] = gradients
    parts = padded.reshape(9, copies, size)
    v = matrix(SECRET, 8, slice(0, size)) / RMS
    result = sketch(gradients, copies, SECRET)
    assert result.shape == (9, 9, copies)
    for i, p in np.ndindex(9, copies):
        exact = [math.fsum(parts[i, p] * row) for row in v.T]
        norm = math.sqrt(math.fsum(parts[i, p] ** 2))
        np.testing.assert_allclose(result[i, :8, p], exact, rtol=0,
                                   atol=1e-13 * norm)
        np.testing.assert_allclose(result[i, 8, p], norm, rtol=1e-13)


def test_whole_numbers_are_exact_however_they_are_grouped():
    whole = np.random.default_rng(0).integers(-10 ** 6, 10 ** 6, (20, 30_000))
    halves = (2 * matrix(SECRET, 8, slice(0, 30_000))).astype(np.int64)
    exact = (whole @ halves) / 2 / RMS
    gradients = whole.astype(np.float32)
    np.testing.assert_array_equal(
        sketch(gradients, 1, SECRET)[:, :8, 0], exact)
    for i in range(0, 20, 3):
        np.testing.assert_array_equal(
            sketch(gradients[i:i + 3], 1, SECRET)[:, :8, 0], exact[i:i + 3])


def test_what_is_kept_of_one_secret_is_not_taken_for_another():
    """Nor for another number of rows, nor for another length."""
    gradients = vectors(2, 3 * BLOCK)
    for secret, k, d in [(SECRET, 8, 3000), (OTHER, 8, 3000),
                         (SECRET, 4, 3000), (SECRET, 4, 3 * BLOCK),
                         (SECRET, 8, 3000), (SECRET, 8, 3 * BLOCK)]:
        some = gradients[:, :d]
        wanted = some.astype(np.float64) @ matrix(
            secret, k, slice(0, d)) / RMS
        for _ in range(2):
            np.testing.assert_allclose(
                sketch(some, 1, secret, k)[:, :k, 0], wanted, rtol=0,
                atol=1e-11 * math.sqrt(d))


#: Rows that are multiplied with one gradient at a time, and with many.
ROWS = pytest.mark.parametrize('k', [FEW, 8])


@ROWS
@pytest.mark.parametrize('d', [1, 1000, 3 * BLOCK + 7])
@pytest.mark.parametrize('scale', [
    1.0, 1e-18, 1e-30, 1e-41, 1e18, 1e30, 5e37])
def test_products_in_float32_are_right_to_a_fifth_of_their_threshold(
        d, scale, k):
    """For numbers of any size, also where float32 has no squares of them."""
    gradients = vectors(40, d) * np.float32(scale)
    gradients[0] = 0
    gradients[1, 1:] = 0
    exact, close = (sketch(gradients, 1, SECRET, k, dtype)[..., 0]
                    for dtype in (np.float64, np.float32))
    assert np.isfinite(close).all() and not close[0].any()
    norms = np.maximum(exact[1:, k:], 1e-300)
    error = np.square((close - exact)[1:] / norms)
    assert np.sqrt(error[:, :k].mean(axis=1)).max() < 5e-6 / 5
    assert np.sqrt(error[:, k]).max() < 1e-7


@ROWS
@pytest.mark.parametrize('order', [slice(None), slice(None, None, -1)])
def test_products_in_float32_of_numbers_of_all_sizes(order, k):
    """One entry may be all of a gradient, and a block next to nothing."""
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.uniform(-60, 40, (30, 3 * BLOCK))).astype(np.float32)
    gradients = (vectors(30, 3 * BLOCK) * np.sort(sizes, axis=1))[:, order]
    exact, close = (sketch(gradients, 1, SECRET, k, dtype)[..., 0]
                    for dtype in (np.float64, np.float32))
    error = np.abs(close - exact) / exact[:, k:]
    assert error.max() < 5e-6 / 2


@pytest.mark.parametrize('d', [10, 3 * BLOCK + 7, 300_000, 1_100_000])
def test_few_rows_in_float32_have_the_bits_of_a_gradient_alone(d):
    """So does who checks one file of another have the bits of its owner."""
    gradients = vectors(5, d)
    together = sketch(gradients, 1, SECRET, FEW, np.float32)
    for gradient, row in zip(gradients, together):
        alone = sketch([gradient.copy()], 1, SECRET, FEW, np.float32)
        np.testing.assert_array_equal(alone[0], row)
        assert row.any()


def test_the_square_of_a_sketch_is_right_on_average():
    square = [np.square(sketch(vectors(1, 50, seed=3), 1, bytes([i] * 16), 64))
              for i in range(100)]
    ratio = np.mean([s[0, :64] / s[0, 64] for s in square])
    assert abs(ratio - 1) < 5 * math.sqrt(2 / 6400)


def test_sketches_with_different_secrets_are_far_apart():
    gradients = vectors(200, 100)
    a, b = sketch(gradients, 2, SECRET), sketch(gradients, 2, OTHER)
    assert compare(a, b).min() > 0.2
    assert not compare(a, sketch(gradients, 2, SECRET)).any()
    # A payload passes only by sketches that were made with its own secret.
    payload = sketch(gradients[:1, :50], 1, SECRET)[0, :, 0]
    weights = np.array([[1.0, 0.0]])
    assert passes(payload, a[:1], weights, 50)
    assert not passes(payload, b[:1], weights, 50)


@ROWS
@pytest.mark.parametrize('dtype', [np.float64, np.float32])
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_shows_in_every_number_without_a_warning(
        bad, dtype, k):
    gradients = vectors(3, 20)
    gradients[1, 12] = bad
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        finite = np.isfinite(sketch(gradients, 2, SECRET, k, dtype))
    assert not finite[1, :, 1].any()
    assert finite[[0, 2]].all() and finite[1, :, 0].all()


@ROWS
@pytest.mark.parametrize('dtype', [np.float64, np.float32])
def test_nothing_as_long_as_a_vector_is_stored(dtype, k):
    gradients = vectors(2, 1_100_000)
    gradients.flags.writeable = False
    assert takes_less(
        2_500_000, lambda: sketch(gradients, 1, SECRET, k, dtype))


def test_nothing_has_an_empty_sketch():
    assert sketch([], 2, SECRET, 4).shape == (0, 5, 2)
    assert not sketch(np.zeros((1, 0), np.float32), 2, SECRET).any()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='sketches 0 must be at least 1'):
        sketch(vectors(1, 5), 1, SECRET, 0)
    with pytest.raises(ValueError, match='copies 0 must be at least 1'):
        sketch(vectors(1, 5), 0, SECRET)
    with pytest.raises(ValueError, match=r'shape \(4,\) .* of 5 entries'):
        sketch([*vectors(1, 5), *vectors(1, 4)], 1, SECRET)
