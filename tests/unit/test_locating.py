"""The cyclic code of DRACO against brute force and its own definition."""

from itertools import combinations

import numpy as np
import pytest

from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.coding.locating import ErrorCode

SIZES = [(3, 1), (5, 2), (7, 2), (15, 3), (15, 7)]
D = 40


def code(n, q):
    return ErrorCode(Cyclic(n, load=2 * q + 1).incidence, q)


def sent(it, gradients):
    """The payloads of all workers, rounded as they travel, (n, d)."""
    exact = it.weights @ gradients
    return (exact.real.astype(np.float32)
            + 1j * exact.imag.astype(np.float32)).astype(complex)


def projected(payloads, rng):
    with np.errstate(all='ignore'):
        return payloads @ rng.standard_normal((D, 8))


@pytest.mark.parametrize('n, q', SIZES)
def test_workers_weigh_their_own_files_alone(n, q):
    it = code(n, q)
    held = Cyclic(n, load=2 * q + 1).incidence.T
    assert ((it.weights != 0) == held).all()
    np.testing.assert_allclose(np.linalg.norm(it.weights, axis=1), 1)


@pytest.mark.parametrize('n, q', SIZES[:4])
def test_any_n_minus_2q_workers_give_the_sum_of_all_files(n, q):
    it, rng = code(n, q), np.random.default_rng(0)
    for _ in range(20):
        right = np.zeros(n, dtype=bool)
        right[rng.permutation(n)[:n - 2 * q]] = True
        weights = it.decoding(right)
        assert not weights[~right].any()
        np.testing.assert_allclose(weights @ it.weights, 1, atol=1e-6)


@pytest.mark.parametrize('n, q', SIZES)
def test_any_q_errors_are_found_whatever_their_size(n, q):
    it, rng = code(n, q), np.random.default_rng(1)
    for number in range(60):
        gradients = rng.standard_normal((n, D)).astype(np.float32)
        payloads = sent(it, gradients)
        liars = rng.permutation(n)[:number % (q + 1)]
        noise = rng.standard_normal((2, liars.size, D))
        payloads[liars] += 10.0 ** rng.uniform(-2, 30, (liars.size, 1)) * (
            noise[0] + 1j * noise[1])
        if liars.size and number % 3 == 0:
            payloads[liars[0]] = [0.0, np.nan, np.inf][number // 3 % 3]
        wrong = it.wrong(projected(payloads, rng))
        assert np.flatnonzero(wrong).tolist() == sorted(liars.tolist())
        total = it.decoding(~wrong) @ np.where(wrong[:, None], 0, payloads)
        np.testing.assert_allclose(total, gradients.sum(axis=0),
                                   atol=2e-5, rtol=0)


@pytest.mark.parametrize('n, q', [(5, 1), (7, 2)])
def test_brute_force_finds_the_same_ones(n, q):
    """The smallest set without which all others are of one polynomial."""
    it, rng = code(n, q), np.random.default_rng(2)
    for _ in range(40):
        payloads = sent(it, rng.standard_normal((n, D)).astype(np.float32))
        liars = rng.permutation(n)[:rng.integers(q + 1)]
        payloads[liars] += rng.standard_normal((liars.size, D))
        projections = projected(payloads, rng)
        found = it.wrong(projections)
        assert np.flatnonzero(found).tolist() == _smallest(it, projections, q)


def _smallest(it, projections, q):
    n = len(projections)
    for size in range(q + 1):
        for some in combinations(range(n), size):
            left = np.setdiff1d(np.arange(n), some)
            # Right payloads are combinations of n columns of rank n - 2q.
            base = np.linalg.svd(it.weights[left])[0][:, :n - 2 * q]
            rest = projections[left] - base @ (
                base.conj().T @ projections[left])
            if np.abs(rest).max() < 1e-5 * np.abs(projections).max():
                return list(some)
    return None


@pytest.mark.parametrize('n, q', [(5, 1), (7, 2), (15, 3)])
def test_more_than_q_errors_are_not_taken_for_fewer(n, q):
    it, rng = code(n, q), np.random.default_rng(3)
    for _ in range(40):
        payloads = sent(it, rng.standard_normal((n, D)).astype(np.float32))
        liars = rng.permutation(n)[:q + 1]
        payloads[liars] += rng.standard_normal((q + 1, D))
        assert it.wrong(projected(payloads, rng)) is None


def test_nobody_can_lie_where_q_is_0():
    it = code(4, 0)
    assert not it.wrong(np.ones((4, 8), dtype=complex) * np.arange(8)).any()
    np.testing.assert_allclose(
        it.decoding(np.ones(4, dtype=bool)) @ it.weights, 1, atol=1e-12)


def test_files_are_on_2q_plus_1_consecutive_workers():
    with pytest.raises(ValueError, match=r'2q \+ 1 = 5 consecutive workers'):
        ErrorCode(Cyclic(7, load=3).incidence, 2)
