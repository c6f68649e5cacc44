"""Who gets no work, as it has cost the run too much."""

import numpy as np
import pytest

from aspis_mpi.protocol.server.accounts import Accounts

ALL = np.ones(5, dtype=bool)


def accounts(seconds, silent=(), **options):
    it = Accounts(5, **{'patience': 0.01, 'silence': 10.0, 'most': 2}
                  | options)
    it.charge(np.array(seconds), np.isin(np.arange(5), silent), ALL)
    return it


@pytest.mark.parametrize('cost, lasted, idle', [
    (20.0, 0, False),               # two silences are allowed
    (20.1, 0, True),
    (20.1, 2000, True),
    (20.1, 2011, False),            # less than a hundredth of the run
    (500.0, 40_000, True),
    (500.0, 50_001, False),
])
def test_a_worker_may_cost_two_silences_or_a_hundredth(cost, lasted, idle):
    it = accounts([cost, 0, 0, 0, 0])
    assert it.turn(lasted, ALL).tolist() == [idle] + [False] * 4


def test_those_with_the_most_come_first():
    it = accounts([30, 50, 0, 0, 0], most=1)
    assert np.flatnonzero(it.turn(0, ALL)).tolist() == [1]
    able = np.array([1, 0, 1, 1, 1], dtype=bool)
    assert np.flatnonzero(it.turn(0, able)).tolist() == [0]


def test_who_is_no_slower_than_others_has_work_however_long_a_run_lasts():
    """Somebody is the last one in each step: 2 % of a run for each."""
    it, random = accounts([0] * 5), np.random.default_rng(1)
    for step in range(1, 2000):
        it.charge(np.eye(5)[random.integers(5)], ~ALL, ALL)
        assert not it.turn(10.0 * step, ALL).any()


def test_liars_that_are_faster_or_slower_move_no_limit_of_honest_workers():
    """Two of five: what the middle one has cost is between honest ones."""
    for lied in 0.0, 1e9:
        it = accounts([lied, 90, 100, 110, lied])
        assert it.turn(0, ALL).tolist() == [lied > 0, 0, 0, 0, lied > 0]
        assert 110 <= it.limit(0)[0] <= 130


def test_who_does_not_answer_at_all_is_not_missed():
    """So many may be dead as there are: nothing is lost with them."""
    it = accounts([30, 50, 40, 0, 70], silent=[0, 1, 2])
    assert np.flatnonzero(it.turn(0, ALL)).tolist() == [0, 1, 2, 4]


def test_who_has_no_work_gets_some_when_there_is_room_again():
    """A fifth of what it may cost: else it would come and go all the time,
    since what the others cost and the time of the run always grow."""
    it, turns, seconds = accounts([30, 0, 0, 0, 0]), [], 0.0
    assert it.turn(seconds, ALL)[0] and it.until(0) == 30 / 0.8 / 0.01
    while seconds < 100_000:
        seconds += 10
        turns.append(it.turn(seconds, ALL)[0])
        if not turns[-1]:
            it.charge(np.eye(5)[0] * 0.5, ~ALL, ALL)
        assert it.seconds[0] <= max(30, 20, 0.01 * seconds) + 0.5
    assert turns[:374].count(False) == 0 and not turns[375]
    comes = np.count_nonzero(np.diff(np.array(turns).astype(int)) == -1)
    assert 5 <= comes <= 1 + np.log(100_000 / 3750) / np.log(1 / 0.8)


def test_somebody_has_work():
    it = accounts([30] * 5, silent=range(5))
    assert not it.turn(0, ALL).any()


def test_without_patience_everybody_is_asked():
    assert not accounts([1e9] * 5, patience=0).turn(0, ALL).any()


def test_no_good_step_clears_an_account():
    it = accounts([30, 0, 0, 0, 0])
    for _ in range(100):
        it.charge(np.zeros(5), ~ALL, ALL)
    assert it.turn(100, ALL)[0]


def test_what_is_exported_counts_again():
    it, other = accounts([30, 1, 2, 3, 4], silent=[0]), accounts([9] * 5)
    assert it.turn(0, ALL).tolist() == [True] + [False] * 4
    other.restore(*it.export())
    it.seconds[:], it.silent[:], it.resting[:] = 0, False, False
    assert other.seconds.tolist() == [30, 1, 2, 3, 4]
    for kept in other.silent, other.resting:
        assert kept.tolist() == [True] + [False] * 4
