"""Sums along a tree: nodes have the bits that they have within the whole."""

import numpy as np
import pytest

from aspis_mpi.learning.summation import TreeSum, leaves, most_spare

D = 33


def drawn(n, seed=3):
    """Vectors whose sum depends on the order, bit by bit."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-3, 4, (n, 1))
    return (rng.standard_normal((n, D)) * scale).astype(np.float32)


def summed(vectors, spare=None):
    out = np.zeros(D, dtype=np.float32)
    it = TreeSum(out, [] if spare is None else spare)
    for vector in vectors:
        into = it.next()
        into += vector
        it.added()
    it.close()
    return out


def by_definition(vectors):
    """Halves at the largest power of two below the number of leaves."""
    if len(vectors) == 1:
        return vectors[0] + np.float32(0)
    half = 1 << (len(vectors) - 1).bit_length() - 1
    return by_definition(vectors[:half]) + by_definition(vectors[half:])


@pytest.mark.parametrize('n', range(1, 20))
def test_a_sum_is_that_of_the_tree(n):
    vectors = drawn(n)
    assert summed(vectors).tobytes() == by_definition(vectors).tobytes()


def test_the_order_of_a_tree_is_another_than_a_flat_one():
    vectors = drawn(7)
    flat = np.zeros(D, dtype=np.float32)
    for vector in vectors:
        flat += vector
    assert summed(vectors).tobytes() != flat.tobytes()


@pytest.mark.parametrize('n', range(2, 40))
def test_two_halves_add_up_to_the_bits_of_the_whole(n):
    vectors = drawn(n)
    half = 1 << (n - 1).bit_length() - 1
    halves = summed(vectors[:half]) + summed(vectors[half:])
    assert halves.tobytes() == summed(vectors).tobytes()


@pytest.mark.parametrize('n', range(1, 70))
def test_no_more_vectors_are_needed_than_are_said(n):
    spare = [np.full(D, np.nan, dtype=np.float32)
             for _ in range(most_spare(n))]
    theirs = set(map(id, spare))
    summed(drawn(n), spare)
    assert set(map(id, spare)) == theirs


def test_a_sum_that_is_given_up_leaves_its_vectors():
    spare = []
    it = TreeSum(np.zeros(D, dtype=np.float32), spare)
    for vector in drawn(7):
        into = it.next()
        into += vector
        it.added()
    it.next()
    it.release()
    assert len(spare) == 3 and len(set(map(id, spare))) == 3


def test_what_overflows_is_infinite_without_a_warning():
    large = np.full((2, D), 3e38, dtype=np.float32)
    assert np.isinf(summed(large)).all()


def test_leaves_are_micro_batches_the_last_with_what_is_left():
    assert [leaves(n, 4) for n in (1, 4, 5, 8, 9)] == [1, 1, 2, 2, 3]
