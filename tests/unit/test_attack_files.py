"""What must hold for every choice of files, and what the named ones do."""

from math import comb

import numpy as np
import pytest

from aspis_mpi.assignment.designs.subset import Subset
from tests.support.attack_parts import (
    DESIGNS, FILES, SUBSET, adversaries_of, any_files, disagreements,
    every_q, lies_of, wrong_by_vote)


@any_files
@pytest.mark.parametrize('assignment', DESIGNS)
@pytest.mark.parametrize('q', range(7))
def test_only_adversaries_lie_and_only_on_their_files(part, assignment, q):
    adversaries = adversaries_of(min(q, assignment.n_workers),
                                 assignment.n_workers)
    before = adversaries.copy()
    for step in range(5):
        lies = part(assignment, 7).lies(step, adversaries)
        assert lies.dtype == bool
        assert lies.shape == assignment.incidence.shape
        assert not (lies & ~assignment.incidence).any()
        assert not lies[:, ~adversaries].any()
    assert np.array_equal(adversaries, before)


@any_files
def test_lies_are_the_same_in_two_processes(part):
    first, second = part(SUBSET, 7), part(SUBSET, 7)
    for step in (4, 0, 2):
        first.lies(step, adversaries_of(5))
    for step in range(5):
        assert np.array_equal(first.lies(step, adversaries_of(4)),
                              second.lies(step, adversaries_of(4)))


@any_files
def test_lies_depend_on_the_step_only_where_they_say_so(part):
    files = part(SUBSET, 7)
    same = [np.array_equal(files.lies(0, adversaries_of(4)),
                           files.lies(step, adversaries_of(4)))
            for step in range(1, 6)]
    assert not any(same) if part.by_step else all(same)


@pytest.mark.parametrize('name', ['fixed-disagreement', 'framing', 'random',
                                  'sacrifice'])
def test_what_is_drawn_follows_the_seed(name):
    assert any(not np.array_equal(lies_of(name, 4, seed=7),
                                  lies_of(name, 4, seed=seed))
               for seed in range(5))


def test_att1_lies_on_every_file():
    lies = lies_of('all', 3)
    assert np.array_equal(lies, SUBSET.incidence & adversaries_of(3))


@every_q
def test_att2_wins_half_of_c_2q_3_files(q):
    lies = lies_of('fixed-disagreement', q)
    assert wrong_by_vote(lies) == comb(2 * q, 3) // 2
    assert comb(2 * q, 3) // 2 == [2, 10, 28, 60, 110, 182][q - 2]


@every_q
def test_att2_leaves_two_largest_cliques(q):
    adversaries = adversaries_of(q)
    pairs = disagreements(lies_of('fixed-disagreement', q), adversaries)
    disputed = pairs[adversaries]
    assert (disputed == disputed[0]).all()
    assert disputed[0].sum() == q


@every_q
def test_framing_leaves_the_adversaries_the_only_largest_clique(q):
    adversaries = adversaries_of(q)
    lies = lies_of('framing', q)
    disputed = disagreements(lies, adversaries)[adversaries]
    assert (disputed == disputed[0]).all()
    assert disputed[0].sum() == q - 1
    # Files used at an adversary's word once the framed are disbelieved.
    assert lies.any(axis=1).sum() == comb(2 * q - 1, 3) - comb(q - 1, 3)


@every_q
def test_att3_lies_where_liars_win_the_vote(q):
    lies = lies_of('majorities', q)
    assert lies.any(axis=1).sum() == SUBSET.majorities(q)
    assert wrong_by_vote(lies) == SUBSET.majorities(q)


def test_half_of_the_holders_is_no_majority():
    adversaries = np.array([True, True, False, False, False])
    lies = FILES['majorities'](Subset(5, replication=4), 7).lies(
        0, adversaries)
    assert not lies.any()


@every_q
def test_quiet_lies_on_files_that_adversaries_hold_alone(q):
    lies = lies_of('quiet', q)
    assert lies.any(axis=1).sum() == comb(q, 3)
    assert (lies.sum(axis=1)[lies.any(axis=1)] == 3).all()
    assert not disagreements(lies, adversaries_of(q)).any()


@every_q
def test_the_sacrificed_adversary_disagrees_with_one_honest_worker(q):
    adversaries = adversaries_of(q)
    lies = lies_of('sacrifice', q)
    partners = np.sort(disagreements(lies, adversaries)[adversaries].sum(1))
    assert partners.tolist() == [1] + [15 - q] * (q - 1)
    assert wrong_by_vote(lies) == [1, 15, 40, 74, 115, 161][q - 2]


@pytest.mark.parametrize('name', ['fixed-disagreement', 'framing',
                                  'sacrifice'])
def test_more_victims_than_honest_workers_are_all_of_them(name):
    assignment = Subset(5, replication=3)
    adversaries = np.array([True, True, True, True, False])
    lies = FILES[name](assignment, 7).lies(0, adversaries)
    assert np.array_equal(lies, assignment.incidence & adversaries)


@pytest.mark.parametrize('rate', [0.0, 0.1, 0.7, 1.0])
def test_random_lies_come_at_their_rate(rate):
    adversaries = adversaries_of(3)
    files = FILES['random'](SUBSET, 7, rate=rate)
    held = (SUBSET.incidence & adversaries).sum()
    lies = np.array([files.lies(step, adversaries) for step in range(100)])
    bound = 5 * np.sqrt(rate * (1 - rate) / (100 * held))
    assert abs(lies.sum() / (100 * held) - rate) <= bound
    # Two adversaries on one file: independent, not one draw for both.
    first, second = np.flatnonzero(adversaries)[:2]
    both = SUBSET.incidence[:, first] & SUBSET.incidence[:, second]
    together = (lies[:, both, first] & lies[:, both, second]).mean()
    assert abs(together - rate ** 2) < 0.06


@pytest.mark.parametrize('rate', [-0.1, 1.5, float('nan')])
def test_a_rate_is_a_probability(rate):
    with pytest.raises(ValueError, match=f'rate {rate} .* between 0 and 1'):
        FILES['random'](SUBSET, 7, rate=rate)
