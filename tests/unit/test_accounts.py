"""Who gets no work, as it has cost the run too much."""

import numpy as np
import pytest

from aspis_mpi.protocol.accounts import Accounts

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
    assert it.idle(lasted, ALL).tolist() == [idle] + [False] * 4
    assert it.seconds[0] / 0.01 == it.until(0)


def test_those_with_the_most_come_first():
    it = accounts([30, 50, 40, 0, 60])
    assert np.flatnonzero(it.idle(0, ALL)).tolist() == [1, 4]
    able = np.array([1, 1, 1, 1, 0], dtype=bool)
    assert np.flatnonzero(it.idle(0, able)).tolist() == [1, 2]


def test_who_does_not_answer_at_all_is_not_missed():
    """So many may be dead as there are: nothing is lost with them."""
    it = accounts([30, 50, 40, 0, 60], silent=[0, 1, 2])
    assert np.flatnonzero(it.idle(0, ALL)).tolist() == [0, 1, 2, 4]


def test_somebody_has_work():
    it = accounts([30] * 5, silent=range(5))
    assert not it.idle(0, ALL).any()


def test_without_patience_everybody_is_asked():
    assert not accounts([1e9] * 5, patience=0).idle(0, ALL).any()


def test_no_good_step_clears_an_account():
    it = accounts([30, 0, 0, 0, 0])
    for _ in range(100):
        it.charge(np.zeros(5), ~ALL, ALL)
    assert it.idle(100, ALL)[0]


def test_what_is_exported_counts_again():
    it, other = accounts([30, 1, 2, 3, 4], silent=[0]), accounts([9] * 5)
    other.restore(*it.export())
    it.seconds[:], it.silent[:] = 0, False
    assert other.seconds.tolist() == [30, 1, 2, 3, 4]
    assert other.silent.tolist() == [True] + [False] * 4
