"""Weighted sums of long vectors against plain float64 arithmetic."""

import warnings

import numpy as np
import pytest

from aspis_mpi.arrays import BLOCK
from aspis_mpi.coding.combine import decode, encode, payload_size
from tests.support.memory import takes_less


def rows(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return list(rng.standard_normal((n, d), np.float32))


def parts(vector, copies):
    """The parts of a vector as rows, the last padded by zeros."""
    padded = np.zeros(copies * payload_size(vector.size, copies))
    padded[:vector.size] = vector
    return padded.reshape(copies, -1)


def encoded(gradients, weights):
    out = np.full(payload_size(gradients[0].size, weights.shape[1]), np.nan,
                  dtype=np.float32)
    encode(gradients, weights, out)
    return out


def decoded(payloads, weights, d, divisor=1.0):
    out = np.full(d, np.nan, dtype=np.float32)
    decode(payloads, weights, out, divisor)
    return out


@pytest.mark.parametrize('d', [1, 2, 5, 12, 1000, BLOCK + 3, 2 * BLOCK + 7])
@pytest.mark.parametrize('copies', [1, 2, 3, 5])
def test_encode_is_the_rounded_sum(d, copies):
    gradients = rows(4, d)
    weights = np.random.default_rng(1).standard_normal((4, copies))
    exact = sum(w @ parts(g, copies) for g, w in zip(gradients, weights))
    np.testing.assert_allclose(encoded(gradients, weights), exact,
                               rtol=6.1e-8, atol=1e-14)


@pytest.mark.parametrize('d', [1, 2, 5, 12, 1000, BLOCK + 3, 2 * BLOCK + 7])
@pytest.mark.parametrize('copies', [1, 2, 3, 5])
def test_decode_is_the_rounded_quotient(d, copies):
    payloads = rows(6, payload_size(d, copies))
    weights = np.random.default_rng(1).standard_normal((copies, 6))
    exact = (weights @ np.array(payloads, dtype=float)).ravel()[:d] / 7
    np.testing.assert_allclose(decoded(payloads, weights, d, 7), exact,
                               rtol=6.1e-8, atol=1e-14)


def test_payload_size_is_the_least_that_holds_all():
    for d in range(40):
        for copies in range(1, 9):
            size = payload_size(d, copies)
            assert copies * size >= d > copies * (size - 1) or d == size == 0


@pytest.mark.parametrize('share', [1, 1 / 3, -0.25])
def test_equal_weights_are_exact_on_integers(share):
    """The sum is exact; its multiple is rounded to float64, then once."""
    whole = np.random.default_rng(0).integers(-2000, 2000, (9, 500))
    gradients = list(whole.astype(np.float32))
    exact = (whole.sum(axis=0) * share).astype(np.float32)
    np.testing.assert_array_equal(
        encoded(gradients, np.full((9, 1), share)), exact)


@pytest.mark.parametrize('weights', [np.ones((5, 1)), np.full((5, 1), 0.2),
                                     np.arange(1.0, 6)[:, None]])
def test_blocks_do_not_show(weights):
    gradients = rows(5, 3 * BLOCK + 11)
    whole = encoded(gradients, weights)
    for start in (5, BLOCK - 1, 2 * BLOCK + 4):
        piece = slice(start, start + BLOCK)
        np.testing.assert_array_equal(
            encoded([g[piece] for g in gradients], weights), whole[piece])


def test_a_weight_of_zero_reads_nothing():
    gradients = rows(3, 50)
    gradients[1] = np.full(50, np.nan, dtype=np.float32)
    weights = np.array([[1.0], [0], [2]])
    np.testing.assert_allclose(encoded(gradients, weights),
                               gradients[0] + 2 * gradients[2], rtol=1e-6)
    np.testing.assert_allclose(decoded(gradients, weights.T, 50),
                               gradients[0] + 2 * gradients[2], rtol=1e-6)
    assert not encoded(gradients, np.zeros((3, 1))).any()
    assert not decoded(gradients, np.zeros((2, 3)), 100).any()


@pytest.mark.parametrize('wrong', [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_shows_without_a_warning(wrong):
    vectors = rows(3, 50)
    vectors[1][7] = wrong
    vectors[2][9], vectors[0][9] = np.inf, -np.inf
    vectors[0][11] = vectors[1][11] = vectors[2][11] = 3e38
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for result in (encoded(vectors, np.ones((3, 1))),
                       encoded(vectors, np.array([[1.0], [2], [3]])),
                       decoded(vectors, np.ones((1, 3)), 50),
                       decoded(vectors, np.ones((1, 3)), 50, 0.5)):
            finite = np.isfinite(result)
            assert not finite[[7, 9, 11]].any()
            assert finite.sum() == result.size - 3


def test_nothing_is_the_sum_of_no_rows():
    out = np.ones(4, dtype=np.float32)
    encode([], np.zeros((0, 2)), out)
    assert not out.any()
    assert not decoded([], np.zeros((2, 0)), 7).any()


def test_rows_are_only_read_and_no_temporary_is_as_long():
    d = 2_000_000
    vectors = rows(3, d)
    for vector in vectors:
        vector.flags.writeable = False
    out = np.empty(d, dtype=np.float32)

    def combine():
        encode(vectors, np.array([[1.0], [2], [3]]), out)
        decode(vectors, np.array([[1.0, 2, 3]]), out, 2.0)
    bound = 2.2 * 8 * BLOCK
    assert bound < d and takes_less(bound, combine)


@pytest.mark.parametrize('divisor', [0, -1, np.nan, np.inf])
def test_an_impossible_divisor_is_refused(divisor):
    with pytest.raises(ValueError, match='divisor .* must be above 0'):
        decoded(rows(2, 5), np.ones((1, 2)), 5, divisor)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='3 rows do not fit 2 rows'):
        encoded(rows(2, 5), np.ones((3, 1)))
    with pytest.raises(ValueError, match=r'shape \(4,\) .* of 5 entries'):
        encoded([*rows(1, 5), *rows(1, 4)], np.ones((2, 1)))
    with pytest.raises(ValueError, match='2 parts of 5 .* payload of 4'):
        encode(rows(1, 5), np.ones((1, 2)), np.empty(4, dtype=np.float32))
    with pytest.raises(ValueError, match=r'shape \(5,\) .* of 3 entries'):
        decoded(rows(2, 5), np.ones((2, 2)), 6)
    with pytest.raises(ValueError, match='2 rows do not fit 3 rows'):
        decoded(rows(3, 5), np.ones((1, 2)), 5)


def test_the_sum_of_one_file_has_the_bits_of_a_sum():
    """No negative zero, and everything else as it is."""
    gradient = np.array([0, -0.0, 1.5, -3e38, 1e-45, -1e-45, np.inf, -np.inf,
                         np.nan], dtype=np.float32)
    alone, sums = np.empty((2, gradient.size), dtype=np.float32)
    encode([gradient], np.ones((1, 1)), alone)
    zeros = np.zeros_like(gradient)
    encode([gradient, zeros], np.ones((2, 1)), sums)
    assert alone.tobytes() == sums.tobytes()
    assert not np.signbit(alone[1])
