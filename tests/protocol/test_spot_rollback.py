"""Going back under spot checks: as if the liar had never been there."""

import os

import numpy as np
import pytest

from aspis_mpi.detection.spot import odds
from aspis_mpi.errors import DONE
from tests.support.spot_runs import SpotRun, liar

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
RUNS, DIFFER = (200, 6) if THOROUGH else (20, 2)
#: K = 7, q = 1, c = 2, rate 0.5: ln(100) * 2 / 0.5 turns.
HORIZON = 19


def below_the_screen(begins, worker):
    return liar(begins=begins, workers=[worker], value='reversed', scale=1.0)


def explained(run, begins):
    """True where the liar was not exposed, or too late for the horizon."""
    turns = [row.turn for row in run.server.notes.exposures]
    return not turns or turns[0] >= begins + HORIZON


def test_parameters_are_those_without_the_liar():
    """It lies in every step from a random one on, just below the screen."""
    plain, differ = SpotRun(), 0
    assert odds.horizon(0.5, 1.0, 2, 1, 0.01) == HORIZON
    assert plain.assembly.inspection.horizon == HORIZON
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        begins, worker = int(rng.integers(40)), int(rng.integers(7))
        run = SpotRun(seed, adversary=below_the_screen(begins, worker))
        assert run.code == DONE and run.exposed <= {worker}
        if run.values.tobytes() != plain.values.tobytes():
            differ += 1
            assert explained(run, begins), seed
    assert differ <= DIFFER


def test_a_run_goes_back_once_for_each_exposure_and_ends():
    run = SpotRun(scheme={'workers': 7, 'adversaries': 3},
                  adversary=liar(count=3, workers=[0, 3, 6],
                                 value='reversed', scale=1.0))
    assert run.code == DONE and run.exposed == {0, 3, 6}
    assert 1 <= len(run.rollbacks) <= 3


@pytest.mark.parametrize('seed', range(3))
def test_one_exposure_costs_no_more_than_the_horizon_and_the_spacing(seed):
    run = SpotRun(seed, adversary=below_the_screen(30, 2))
    horizon, every = HORIZON, 5
    for back in run.rollbacks:
        assert back.start - back.end <= horizon + every
