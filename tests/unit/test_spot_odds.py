"""Odds of spot checks against enumeration and against drawn runs."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from aspis_mpi.coding.sketching import sketch
from aspis_mpi.detection.spot import odds
from aspis_mpi.detection.spot.draws import draw
from aspis_mpi.streams import Coins, generator

RATES = (0.05, 0.3, 1.0)


def derangements(n):
    return [order for order in itertools.permutations(range(n))
            if all(place != other for place, other in enumerate(order))]


# --- one turn ----------------------------------------------------------

@pytest.mark.parametrize('workers', range(2, 7))
def test_kappa_is_the_share_of_derangements_with_an_honest_checker(workers):
    """Worker 0 is a liar, with others that bear it out."""
    orders = derangements(workers)
    for liars in range(1, workers):
        honest = sum(order.index(0) >= liars for order in orders)
        assert odds.honest_checkers(workers, liars) == pytest.approx(
            honest / len(orders))


def test_without_liars_every_checker_is_honest():
    assert odds.honest_checkers(5, 0) == odds.honest_checkers(5, 1) == 1


def test_kappa_falls_with_workers_that_leave_and_rises_with_exposures():
    for workers in range(5, 20):
        for liars in range(2, (workers - 1) // 2 + 1):
            kappa = odds.honest_checkers(workers, liars)
            assert odds.honest_checkers(workers - 1, liars) < kappa
            assert odds.honest_checkers(workers - 1, liars - 1) > kappa


@pytest.mark.parametrize('workers, liars, load', [(4, 1, 3), (5, 2, 2),
                                                  (6, 2, 4)])
def test_one_turn_is_what_enumeration_says(workers, liars, load):
    """Over all derangements and all files, and the coin."""
    orders = derangements(workers)
    for wrong in range(1, load + 1):
        caught = sum(order.index(0) >= liars and file < wrong
                     for order in orders for file in range(load))
        exact = Fraction(caught, len(orders) * load)
        for rate in RATES:
            assert odds.exposed_in_turn(
                rate, odds.honest_checkers(workers, liars), load, wrong
            ) == pytest.approx(rate * float(exact))


@pytest.mark.parametrize('rate, kappa, load, wrong', [
    (0, 1, 2, 1), (1.1, 1, 2, 1), (math.nan, 1, 2, 1), (0.5, 0, 2, 1),
    (0.5, 1.1, 2, 1), (0.5, 1, 2, 0), (0.5, 1, 2, 3), (0.5, 1, 0, 1)])
def test_what_is_no_chance_is_refused(rate, kappa, load, wrong):
    with pytest.raises(ValueError, match='must be'):
        odds.exposed_in_turn(rate, kappa, load, wrong)


@pytest.mark.parametrize('workers, liars', [(1, 0), (3, 3), (3, -1)])
def test_who_cannot_be_checked_is_refused(workers, liars):
    with pytest.raises(ValueError, match='must be'):
        odds.honest_checkers(workers, liars)


# --- until it is exposed -----------------------------------------------

@pytest.mark.parametrize('workers, liars, load, wrong, rate', [
    (7, 1, 2, 1, 0.5), (15, 3, 4, 4, 0.2), (6, 2, 3, 1, 1.0)])
def test_mean_turns_are_those_of_drawn_runs(workers, liars, load, wrong,
                                            rate):
    """Coin, checker, file are drawn turn by turn, by another rule."""
    random, runs = generator(1, 'turns', workers), 4000
    took = np.zeros(runs)
    going = np.ones(runs, dtype=bool)
    while going.any():
        took[going] += 1
        n = np.count_nonzero(going)
        caught = random.random(n) < rate
        caught &= random.integers(1, workers, size=n) >= liars
        caught &= random.integers(load, size=n) < wrong
        going[going] = ~caught
    expected = odds.mean_turns(rate, odds.honest_checkers(workers, liars),
                               load, wrong)
    error = took.std() / math.sqrt(runs)
    assert abs(took.mean() - expected) < 4 * error


@pytest.mark.parametrize('workers, liars, wrong', [(7, 3, 1), (5, 1, 2)])
def test_mean_turns_are_those_of_the_draws_of_a_run(workers, liars, wrong):
    """Liar 0 is borne out by the other liars, and the first files are wrong.

    The coins, derangements and files are those that a server draws.
    """
    coins = Coins(generator(7, 'run', workers).bytes)
    files = {w: [2 * w, 2 * w + 1] for w in range(workers)}
    rate, runs, took = 0.5, 400, []
    for _ in range(runs):
        for turn in itertools.count(1):
            checks = coins.coin(rate) and draw(coins, range(workers), files)
            if any(check.owner == 0 and check.file < wrong
                   and check.checker >= liars for check in checks or ()):
                break
        took.append(turn)
    expected = odds.mean_turns(rate, odds.honest_checkers(workers, liars), 2,
                               wrong)
    error = np.std(took) / math.sqrt(runs)
    assert abs(np.mean(took) - expected) < 4 * error


@pytest.mark.parametrize('workers, liars, load, rate, turns', [
    (15, 2, 10, 0.1, 571), (7, 1, 2, 0.5, 19)])
def test_published_horizons(workers, liars, load, rate, turns):
    kappa = odds.honest_checkers(workers, liars)
    assert odds.horizon(rate, kappa, load, liars, 0.01) == turns


@pytest.mark.parametrize('rate', RATES)
@pytest.mark.parametrize('liars', [1, 2, 7])
@pytest.mark.parametrize('risk', [0.001, 0.01, 0.3])
def test_all_liars_are_exposed_within_the_horizon(rate, liars, risk):
    """But for the risk, and within a few turns less the risk is larger."""
    kappa, load = odds.honest_checkers(15, liars), 8
    turns = odds.horizon(rate, kappa, load, liars, risk)
    once = odds.exposed_in_turn(rate, kappa, load)
    assert liars * (1 - once) ** turns <= risk
    assert liars * math.exp(-once * (turns - 1)) > risk


def test_without_liars_everything_is_ripe_at_once():
    assert odds.horizon(0.1, 1.0, 8, 0, 0.01) == 0


@pytest.mark.parametrize('liars, risk', [(-1, 0.1), (1, 0), (1, 1),
                                         (1, math.nan)])
def test_a_horizon_needs_a_risk(liars, risk):
    with pytest.raises(ValueError, match='must be'):
        odds.horizon(0.1, 1.0, 8, liars, risk)


def test_wrong_payloads_are_few_however_they_are_spaced():
    """A liar that lies in random turns, its first `rest` ones or late."""
    random, runs = generator(2, 'spaced'), 3000
    rate, kappa, load = 0.5, 0.8, 2
    most = odds.mean_turns(rate, kappa, load)
    for lies in (random.random(400) < 0.3, np.arange(400) > 100,
                 np.arange(400) % 7 == 0):
        caught = random.random((runs, 400)) < rate * kappa / load
        going = np.cumsum(caught & lies, axis=1) == 0
        got_in = (going & lies).sum(axis=1)
        assert got_in.mean() < most


# --- a liar of a share -------------------------------------------------

def survives(weights, rate, kappa, load):
    """Probability that lies on w_t files of c are not seen, exactly."""
    return math.prod(1 - rate * kappa * w / load for w in weights)


def test_found_is_a_lower_bound_however_the_share_is_divided():
    random, rate, kappa, load, turns = generator(3, 'share'), 0.4, 0.9, 5, 60
    for _ in range(200):
        weights = random.integers(load + 1, size=turns)
        weights[random.random(turns) < random.random()] = 0
        share = weights.sum() / (load * turns)
        assert odds.found(share, turns, rate, kappa) <= (
            1 - survives(weights, rate, kappa, load)) + 1e-12


def test_found_is_exact_for_the_same_share_in_all_turns():
    for w in range(6):
        exact = 1 - survives([w] * 30, 0.4, 0.9, 5)
        assert odds.found(w / 5, 30, 0.4, 0.9) == pytest.approx(exact)


def test_checked_turns_count_for_more():
    assert odds.found(0.2, 30, 0.4, 0.9, checked=10) == pytest.approx(
        1 - survives([1] * 30, 0.4, 0.9, 5) * survives([1] * 10, 1, 0.9, 5))
    assert odds.found(0.2, 10, 1.0, 0.9) == pytest.approx(
        odds.found(0.2, 0, 0.4, 0.9, checked=10))


def test_found_at_its_ends():
    assert odds.found(0.0, 1000, 1.0, 1.0) == 0
    assert odds.found(1.0, 0, 1.0, 1.0) == 0
    assert odds.found(1.0, 1, 1.0, 1.0) == 1
    assert odds.turns_to_find(0.0, 0.5, 1.0) == math.inf


def test_turns_to_find_is_the_sum_of_what_is_not_found_yet():
    """E T = sum over t of P(T > t)."""
    late = sum(1 - odds.found(0.3, t, 0.5, 0.9) for t in range(2000))
    assert odds.turns_to_find(0.3, 0.5, 0.9) == pytest.approx(late)


# --- what checks cost --------------------------------------------------

def test_extra_gradients_are_those_of_drawn_runs():
    """A check of each worker in a checked step, with c files each."""
    random, steps, forced, workers = generator(4, 'cost'), 500, 11, 15
    rate, load, runs = 0.1, 20, 400
    checked = random.random((runs, steps)) < rate
    checked[:, :forced] = True
    files = workers * load * steps
    drawn = checked.sum(axis=1) * workers / files
    again = checked.sum(axis=1) * (workers + workers * load) / files
    share = odds.checked_share(rate, steps, forced)
    for extra, kept in ((drawn, True), (again, False)):
        error = extra.std() / math.sqrt(runs)
        assert abs(extra.mean() - odds.extra_gradients(
            share, load, kept)) < 4 * error


def test_a_run_of_500_steps_needs_less_than_a_hundredth_more():
    assert odds.extra_gradients(odds.checked_share(0.1, 500, 11), 20) < 0.01


def test_one_file_a_payload_needs_no_gradient_again():
    assert odds.extra_gradients(0.1, 1, kept=False) == odds.extra_gradients(
        0.1, 1) == 0.1


def test_a_run_that_is_shorter_than_its_first_steps_is_checked_whole():
    assert odds.checked_share(0.1, 5, 10) == 1


# --- errors that get in ------------------------------------------------

def test_no_error_is_larger_than_the_bound():
    """The worst a liar can do, files of the largest norm turned around."""
    random = generator(5, 'error')
    for wrong in range(5):
        right = random.standard_normal((4, 30)) * random.random((4, 1))
        norms = np.linalg.norm(right, axis=1)
        limit = 3 * float(np.median(norms))
        bound = odds.largest_error(norms, limit, wrong)
        claimed = right.copy()
        turned = np.argsort(-norms)[:wrong]
        claimed[turned] = -right[turned] / norms[turned, None] * limit
        error = np.linalg.norm((claimed - right).sum(axis=0))
        assert error <= bound + 1e-9
        # One alone reaches it.
        if wrong == 1:
            assert error == pytest.approx(bound)


def test_all_files_carry_the_error_by_default():
    norms = np.array([1.0, 2.0])
    assert odds.largest_error(norms, 5.0) == odds.largest_error(
        norms, 5.0, wrong=2) == 13.0
    with pytest.raises(ValueError, match='between 0 and 2'):
        odds.largest_error(norms, 5.0, wrong=3)


@pytest.mark.parametrize('vector', [np.eye(1, 40)[0], np.ones(40),
                                    np.eye(2, 40).sum(axis=0)])
def test_a_file_seldom_seems_shorter_than_believed(vector):
    """For short, even and most concentrated vectors."""
    random, chance, runs = generator(6, 'belief'), 0.05, 400
    gradient = (vector / np.linalg.norm(vector)).astype(np.float32)
    longer = 0
    for _ in range(runs):
        rows = sketch([gradient], 1, random.bytes(16))[0, :-1, 0]
        taken_for = np.sqrt(np.mean(rows ** 2)) / odds.BELIED
        longer += 1 > odds.belief(8, chance) * taken_for
    assert longer <= chance * runs
    assert odds.BELIED < odds.belief(8, 1.0) < odds.belief(8, chance)
