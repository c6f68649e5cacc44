"""How fast workers have been, from their reports."""

import warnings

import numpy as np
import pytest

from aspis_mpi.schemes.speeds import Speeds

EVERYBODY = np.ones(4, dtype=bool)


def observed(it, done, last, took_part=EVERYBODY):
    """One step, in which no warning may be given."""
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        it.observe(np.array(done), np.array(last, dtype=float),
                   np.array(took_part, dtype=bool))
    return it.seconds


def test_the_first_step_is_taken_as_it_is():
    found = observed(Speeds(4), [1, 2, 4, 3], [2.0, 2.0, 2.0, 1.5])
    assert found.tolist() == [2.0, 1.0, 0.5, 0.5]


def test_later_steps_move_the_average():
    it = Speeds(4)
    observed(it, [2] * 4, [2.0] * 4)
    found = observed(it, [2] * 4, [4.0, 2.0, 0.0, 10.0])
    assert found == pytest.approx([1.3, 1.0, 0.7, 2.2])


def test_constant_speeds_stay():
    it = Speeds(4)
    for _ in range(50):
        found = observed(it, [1, 2, 4, 3], [0.3, 0.6, 1.2, 0.9])
    assert found == pytest.approx([0.3] * 4)


def test_a_worker_without_a_file_is_at_least_as_slow_as_the_step():
    it = Speeds(4)
    found = observed(it, [1, 2, 0, 1], [0.5, 2.0, np.nan, 1.0])
    assert found.tolist() == [0.5, 1.0, 2.0, 1.0]
    # What is known to be slower is not forgotten.
    it.seconds[2] = 9.0
    assert observed(it, [1, 2, 0, 1], [0.5, 2.0, np.nan, 1.0])[2] == 9.0


def test_who_did_not_take_part_is_left_as_it_was():
    it = Speeds(4)
    observed(it, [1] * 4, [1.0] * 4)
    found = observed(it, [1, 0, 1, 1], [3.0, np.nan, 3.0, 3.0],
                     [True, False, True, True])
    assert found[1] == 1.0 and (found[[0, 2, 3]] > 1.0).all()


def test_a_step_in_which_nobody_reports_tells_nothing():
    it = Speeds(4)
    assert np.isnan(observed(it, [0] * 4, [np.nan] * 4)).all()
    observed(it, [1] * 4, [1.0] * 4)
    assert (observed(it, [0] * 4, [np.nan] * 4) == 1.0).all()


def test_unknown_workers_are_measured_when_they_come():
    it = Speeds(4)
    observed(it, [1, 1, 1, 0], [1.0, 1.0, 1.0, np.nan],
             [True, True, True, False])
    assert np.isnan(it.seconds[3])
    assert observed(it, [1] * 4, [1.0, 1.0, 1.0, 7.0])[3] == 7.0
