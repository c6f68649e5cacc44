"""Pairs of workers of which one is wrong, from step to step and job to job."""

import numpy as np

from aspis_mpi.detection.memory import Memory

NOTHING = np.zeros((7, 7), dtype=bool)
WHY = 'workers 1 and 4 contradict each other'


def memory(q=2, budget='fixed', **keys):
    return Memory(7, q, memory='forever', window=1, budget=budget, **keys)


def test_both_are_left_out_from_the_next_step_on_and_one_counts():
    it = memory()
    it.learn(3, [], NOTHING, [(1, 4, WHY)])
    assert not it.left_out(3).any() and it.lowered(3) == 0
    assert np.flatnonzero(it.left_out(4)).tolist() == [1, 4]
    assert not it.excluded(4).any() and it.lowered(4) == 1


def test_no_worker_is_in_two_pairs():
    """Else one liar would count twice."""
    it = memory()
    it.learn(0, [], NOTHING, [(1, 4, WHY), (4, 5, WHY), (2, 3, WHY)])
    it.learn(1, [], NOTHING, [(1, 6, WHY)])
    assert np.flatnonzero(it.left_out(2)).tolist() == [1, 2, 3, 4]
    assert it.lowered(2) == 2


def test_who_is_exposed_is_in_no_pair_and_counts_once():
    it = memory()
    it.learn(0, [(4, 'an audit', True)], NOTHING, [(1, 4, WHY)])
    assert not it.left_out(1).any() and it.lowered(1) == 1
    it = memory()
    it.learn(0, [], NOTHING, [(1, 4, WHY)])
    it.learn(1, [(4, 'an audit', True)], NOTHING)
    assert it.lowered(2) == 1


def test_pairs_are_carried_over_as_long_as_the_workers_are_the_same():
    it = memory()
    it.learn(0, [(6, 'an audit', True)], NOTHING, [(1, 4, WHY)])
    same, others = memory(), memory(keys=list('abcdefg'))
    assert same.restore(it.export(), it.keys, it.vouched)
    assert same.export() == it.export()
    assert np.array_equal(same.left_out(1), it.left_out(1))
    assert same.lowered(1) == it.lowered(1) == 2
    assert not others.restore(it.export(), it.keys, it.vouched)
    assert not others.left_out(1).any()


def test_with_a_budget_a_step_nothing_is_left_out():
    it = memory(budget='step')
    it.learn(0, [], NOTHING, [(1, 4, WHY)])
    assert not it.left_out(1).any() and it.lowered(1) == 0
