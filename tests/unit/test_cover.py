"""Who needs to send: a small cover that keeps what must be kept."""

from itertools import combinations
from math import log

import numpy as np
import pytest

from aspis_mpi.coding.cover import thin


def draw(n_files, n_workers, chance, seed):
    rng = np.random.default_rng(seed)
    return rng.random((n_files, n_workers)) < chance


def senders(state):
    return int(state.any(axis=0).sum())


def is_enough(state, workers, copies):
    have, kept = state.sum(axis=1), state[:, workers].sum(axis=1)
    return (kept >= np.minimum(copies, have)).all()


@pytest.mark.parametrize('copies', [1, 2, 3])
@pytest.mark.parametrize('chance', [0.0, 0.1, 0.4, 1.0])
@pytest.mark.parametrize('shape', [(1, 1), (20, 20), (50, 12), (9, 60)])
def test_every_file_keeps_its_copies(copies, chance, shape):
    state = draw(*shape, chance, seed=1)
    left = thin(state, copies)
    kept = left.any(axis=0)
    np.testing.assert_array_equal(left, state & kept)
    assert is_enough(state, kept, copies)
    assert senders(left) <= senders(state)


@pytest.mark.parametrize('copies', [1, 2])
def test_nobody_who_is_left_could_be_cleared(copies):
    for seed in range(20):
        state = draw(15, 15, 0.3, seed)
        kept = thin(state, copies).any(axis=0)
        for worker in np.flatnonzero(kept):
            fewer = kept.copy()
            fewer[worker] = False
            assert not is_enough(state, fewer, copies)


@pytest.mark.parametrize('copies', [1, 2])
def test_close_to_the_least_cover(copies):
    """Within the bound of greedy covers, on average within a tenth."""
    found, least = [], []
    for seed in range(40):
        state = draw(9, 9, 0.35, seed)
        found.append(senders(thin(state, copies)))
        least.append(next(
            n for n in range(10)
            if any(is_enough(state, list(workers), copies)
                   for workers in combinations(range(9), n))))
        longest = max(1, state.sum(axis=0).max())
        assert found[-1] <= (1 + log(longest)) * least[-1]
    assert sum(least) <= sum(found) <= 1.1 * sum(least)


def test_disjoint_groups_send_once():
    group = np.arange(12) // 3
    state = group[:, None] == group
    assert np.flatnonzero(thin(state, 1).any(axis=0)).tolist() == [0, 3, 6, 9]
    assert senders(thin(state, 2)) == 8


def test_the_state_is_only_read_and_the_result_is_its_own():
    state = draw(10, 10, 0.5, 3)
    state.flags.writeable = False
    left = thin(state, 1)
    np.testing.assert_array_equal(left, thin(state, 1))
    left[:] = False
