"""Who is late, and who pays for what a step waited."""

import numpy as np
import pytest

from aspis_mpi.schemes.pace import ANSWERS, LATE, Habits, Owed, shares

K, Q = 7, 2


def owed(habits=None, q=Q, n=K):
    """Answers that the first n of K workers owe since second 0."""
    it = Owed(K, q, habits or Habits(K))
    it.ask(np.arange(K) < n, 0.0)
    return it


def charged(it):
    charges = np.zeros(K)
    it.charge(charges)
    return charges


# --- the pace ----------------------------------------------------------

def test_the_n_minus_q_th_answer_sets_the_pace():
    it = owed()
    said = [it.answer(worker, 1.0 + worker) for worker in range(K - Q)]
    assert said == [False] * (K - Q - 1) + [True]
    assert it.pace == K - Q
    assert it.due(0.1).tolist() == [np.inf] * (K - Q) + [LATE * it.pace] * Q


def test_before_that_nobody_is_late():
    it = owed()
    for worker in range(K - Q - 1):
        it.answer(worker, 0.01)
    assert np.isnan(it.pace) and (it.due(0.1) == np.inf).all()


def test_everybody_has_the_grace():
    it = owed()
    for worker in range(K - Q):
        it.answer(worker, 0.001)
    assert it.due(0.5)[K - 1] == 0.5


@pytest.mark.parametrize('liars', [(0, 1), (2, 6), (5, 6)])
@pytest.mark.parametrize('early', [True, False])
def test_q_liars_move_the_pace_only_among_honest_times(liars, early):
    """It is an honest worker's, or between two of theirs."""
    rng = np.random.default_rng(4)
    for _ in range(100):
        took = rng.exponential(size=K)
        honest = np.delete(took, liars)
        took[list(liars)] = 0 if early else 1e9
        it = owed()
        for worker in np.argsort(took).tolist():
            it.answer(worker, took[worker])
        assert honest.min() <= it.pace <= honest.max()


def test_without_liars_nobody_is_late():
    it = owed(q=0)
    for worker in range(K - 1):
        assert not it.answer(worker, 0.1)
    assert (it.due(0.0) == np.inf).all()


def test_where_few_are_asked_the_usual_times_of_all_set_the_pace():
    """2 q liars among those asked could set any; of all workers they cannot.
    """
    habits = Habits(K)
    for worker in range(K):
        for _ in range(ANSWERS):
            habits.add(worker, 1e9 if worker >= K - Q else 1.0 + worker)
    it = owed(habits, n=2 * Q)
    assert it.pace == K - Q
    assert it.due(0.1)[0] == LATE * it.pace
    assert owed(n=2 * Q).due(0.1)[0] == np.inf


def test_habits_forget_what_is_long_ago():
    habits = Habits(1)
    for seconds in [9.0] * ANSWERS + [1.0] * ANSWERS:
        habits.add(0, seconds)
    assert habits.pace(0) == 1.0


# --- who pays ----------------------------------------------------------

def test_who_is_waited_for_alone_pays_what_is_beyond_the_pace():
    it = owed()
    for worker in range(K - 1):
        it.answer(worker, 1.0)
    it.answer(K - 1, 3.5)
    assert charged(it).tolist() == [0] * (K - 1) + [2.5]
    assert not charged(it).any()


def test_together_they_pay_what_was_lost():
    """Nobody dawdles for nothing in company."""
    it = owed()
    for worker in range(K - Q):
        it.answer(worker, 1.0)
    it.answer(5, 2.0)
    it.answer(6, 4.0)
    assert charged(it).tolist() == [0] * 5 + [0.5, 2.5]


def test_who_is_given_up_pays_until_then():
    it = owed()
    for worker in range(K - 1):
        it.answer(worker, 1.0)
    it.give_up(K - 1, 61.0)
    it.give_up(K - 1, 90.0)                     # not twice
    assert charged(it)[K - 1] == 60.0


@pytest.mark.parametrize('q', [0, 1, 2])
def test_where_more_are_gone_than_can_be_liars_they_pay(q):
    """The pace was never set; the last answer is what counts."""
    it = owed(q=q)
    for worker in range(3):
        it.answer(worker, 1.0)
    for worker in range(3, K):
        it.give_up(worker, 61.0)
    charges = charged(it)
    assert charges[:3].tolist() == [0] * 3
    assert charges.sum() == pytest.approx(60.0)


@pytest.mark.parametrize('q', [0, 2])
def test_who_is_asked_again_after_a_silence_does_not_pay_for_it(q):
    """Nor is the silent one let off, as others have answered since."""
    it = owed(q=q)
    for worker in range(3):
        it.answer(worker, 1.0)
    for worker in range(3, K):
        it.give_up(worker, 61.0)
    it.ask(np.arange(K) < 3, 61.0)
    for worker in range(3):
        it.answer(worker, 61.0)
    charges = charged(it)
    assert charges[:3].tolist() == [0] * 3
    assert charges.sum() == pytest.approx(60.0)


def test_shares_add_up_to_the_time_that_was_lost():
    """Against a sum over small pieces of time."""
    rng = np.random.default_rng(1)
    grid = np.arange(0, 10, 1e-3) + 5e-4
    for _ in range(20):
        begins = rng.integers(0, 50, 4) / 10
        ends = begins + rng.integers(0, 50, 4) / 10
        waited = (begins[:, None] < grid) & (grid < ends[:, None])
        each = (waited / np.maximum(waited.sum(axis=0), 1)).sum(axis=1) * 1e-3
        found = shares(begins, ends)
        assert found == pytest.approx(each, abs=1e-9)
        assert found.sum() == pytest.approx(waited.any(axis=0).sum() * 1e-3)


def test_nobody_waited_for_is_nothing():
    assert shares(np.empty(0), np.empty(0)).size == 0
    assert shares(np.ones(2), np.ones(2)).tolist() == [0, 0]


# --- who has more to do ------------------------------------------------

WORK = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0])


def uneven(work=WORK):
    it = Owed(K, Q, Habits(K))
    it.ask(np.ones(K, dtype=bool), 0.0, work)
    return it


def test_times_are_compared_by_what_there_is_to_do():
    it = uneven()
    it.answer(K - 1, 4.0)
    for worker in range(K - Q - 1):
        it.answer(worker, 1.0)
    assert it.pace == 1.0
    it.answer(K - 2, 3.0)
    assert charged(it).tolist() == [0.0] * (K - 2) + [2.0, 0.0]


def test_who_has_four_times_as_much_has_four_times_as_long():
    it = uneven()
    for worker in range(K - Q):
        it.answer(worker, 1.0)
    assert it.due(0.1)[K - Q:].tolist() == [LATE, 4 * LATE]


def test_who_has_less_to_do_has_as_long_as_others():
    it = uneven(np.array([1.0] * (K - 1) + [0.1]))
    for worker in range(K - Q):
        it.answer(worker, 1.0)
    assert it.due(0.1)[K - Q:].tolist() == [LATE, LATE]


def test_equal_work_is_as_none():
    one, other = uneven(np.ones(K)), uneven(None)
    for it in one, other:
        for worker in range(K - 1):
            it.answer(worker, 0.1 * worker + 0.3)
        it.give_up(K - 1, 9.0)
    assert one.pace == other.pace
    assert np.array_equal(charged(one), charged(other))


def test_answers_of_a_step_that_is_stopped_are_as_if_never_given():
    """Whatever they have pushed out is there again, and nothing else."""
    rng = np.random.default_rng(9)
    for n in 0, 3, ANSWERS - 2, ANSWERS, 5 * ANSWERS:
        habits = Habits(K)
        for worker in rng.integers(K - 1, size=n * K).tolist():
            habits.add(worker, rng.exponential())
        habits.begin()
        before = habits.export()
        for worker in rng.integers(K, size=3 * ANSWERS).tolist():
            habits.add(worker, rng.exponential())
        assert habits.export().tobytes() != before.tobytes()
        assert habits.export(within=True).tobytes() == before.tobytes()


def test_what_is_known_of_workers_is_known_again():
    habits, other = Habits(K), Habits(K)
    rng = np.random.default_rng(8)
    for worker in rng.integers(K, size=ANSWERS * K // 2).tolist():
        habits.add(worker, rng.exponential())
    other.add(0, 1e6)
    other.restore(habits.export())
    assert other.pace(Q) == habits.pace(Q) > 0
    for _ in range(ANSWERS):
        for it in habits, other:
            it.add(2, 1e3)
    assert other.export().tobytes() == habits.export().tobytes()
