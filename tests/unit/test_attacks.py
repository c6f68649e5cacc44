"""What must hold for who lies, and for a whole plan of lies."""


import numpy as np
import pytest

from aspis_mpi.attacks.attack import Attack
from tests.support.attack_parts import (
    DESIGNS, FILES, PROTOCOLS, SUBSET, VALUES, WHO, any_who)


def test_the_parts_of_the_contract_are_there():
    assert set(WHO) >= {'fixed', 'random', 'window'}
    assert set(FILES) >= {'all', 'fixed-disagreement', 'framing',
                          'majorities', 'quiet', 'random', 'sacrifice'}
    assert set(VALUES) >= {'alie', 'bit-flip', 'constant', 'foe', 'nan',
                           'reversed', 'honest', 'between'}
    assert set(PROTOCOLS) >= {
        'none', 'counts', 'payloads', 'consistent', 'sketches', 'norms',
        'late', 'intermittent', 'straddle', 'patient', 'narrow'}


# --- who ---------------------------------------------------------------

@any_who
@pytest.mark.parametrize('count', [0, 1, 4, 9])
def test_there_are_always_count_adversaries(part, count):
    for step in range(120):
        members = part(9, count, 7).members(step)
        assert members.dtype == bool and members.shape == (9,)
        assert members.sum() == count


@any_who
def test_adversaries_follow_from_the_seed(part):
    def run(seed):
        who = part(15, 4, seed)
        return np.array([who.members(step) for step in range(60)])
    assert np.array_equal(run(7), run(7))
    assert any(not np.array_equal(run(7), run(seed)) for seed in range(5))


@any_who
def test_adversaries_do_not_depend_on_the_order_of_asking(part):
    asked = part(15, 4, 7)
    backwards = [asked.members(step) for step in reversed(range(60))]
    for step in range(60):
        assert np.array_equal(part(15, 4, 7).members(step),
                              backwards[59 - step])


@any_who
@pytest.mark.parametrize('count', [-1, 10])
def test_more_adversaries_than_workers_is_an_error(part, count):
    with pytest.raises(ValueError, match=f'count {count} .*between 0.* 9'):
        part(9, count, 7)


def test_how_long_the_same_workers_are_adversaries():
    fixed, random = WHO['fixed'](15, 4, 7), WHO['random'](15, 4, 7)
    window = WHO['window'](15, 4, 7, window=10)
    same = [[np.array_equal(who.members(step), who.members(step + 1))
             for step in range(29)] for who in (fixed, random, window)]
    assert all(same[0])
    assert sum(same[1]) < 3
    assert [step for step in range(29) if not same[2][step]] == [9, 19]


def test_listed_workers_are_the_adversaries():
    who = WHO['fixed'](15, 3, 7, workers=[14, 0, 5])
    assert np.flatnonzero(who.members(3)).tolist() == [0, 5, 14]


@pytest.mark.parametrize('workers, message', [
    ([1, 1, 2], r'workers \[1, 1, 2\] must be distinct'),
    ([1, 2, 15], 'worker 15 .* between 0 and 14'),
    ([-1, 2, 3], 'worker -1 .* between 0 and 14'),
    ([1, 2], r'workers \[1, 2\] must be as many as count, 3'),
])
def test_a_wrong_list_of_workers_is_an_error(workers, message):
    with pytest.raises(ValueError, match=message):
        WHO['fixed'](15, 3, 7, workers=workers)


def test_a_window_has_at_least_one_step():
    with pytest.raises(ValueError, match='window 0 must be at least 1'):
        WHO['window'](15, 3, 7, window=0)


# --- plan --------------------------------------------------------------

@any_who
@pytest.mark.parametrize('files', FILES.values(), ids=FILES)
def test_a_plan_answers_like_its_parts(part, files):
    plan = Attack(part(15, 4, 7), files(SUBSET, 7))
    who, fresh = part(15, 4, 7), files(SUBSET, 7)
    who.meet(SUBSET.incidence)
    for step in [0, 0, 1, 5, 1, 120, 0]:
        members = who.members(step)
        assert np.array_equal(plan.lies(step), fresh.lies(step, members))
        assert np.array_equal(plan.adversaries(step), members)


def test_a_plan_cannot_be_changed_by_who_reads_it():
    plan = Attack(WHO['fixed'](15, 4, 7), FILES['all'](SUBSET, 7))
    for answer in (plan.adversaries(0), plan.lies(0)):
        with pytest.raises(ValueError, match='read-only'):
            answer[:] = False


def test_who_sends_the_truth_lies_on_no_file():
    plan = Attack(WHO['fixed'](15, 4, 7), FILES['all'](SUBSET, 7),
                      PROTOCOLS['late'](7), VALUES['honest'](7))
    for step in range(3):
        assert plan.adversaries(step).sum() == 4
        assert not plan.lies(step).any()
        assert not plan.payload_lies(step).any()
        assert np.array_equal(plan.dawdles(step), plan.adversaries(step))


def test_patient_liars_have_lied_only_on_what_came_later():
    files, later = FILES['all'](SUBSET, 7), np.arange(455) % 3 == 0
    plan = Attack(WHO['fixed'](15, 4, 7), files, PROTOCOLS['patient'](7))
    assert np.array_equal(plan.told(0, later),
                          plan.lies(0) & later[:, None])
    assert not plan.told(0, False).any()
    others = Attack(WHO['fixed'](15, 4, 7), files, PROTOCOLS['late'](7))
    assert np.array_equal(others.told(0, False), others.lies(0))


def test_nobody_dawdles_where_nothing_is_said_of_it():
    plan = Attack(WHO['fixed'](15, 4, 7), FILES['all'](SUBSET, 7))
    assert plan.dawdles(0).shape == (15,) and not plan.dawdles(0).any()


def test_a_plan_keeps_what_does_not_change():
    plan = Attack(WHO['window'](15, 4, 7, window=10),
                      FILES['framing'](SUBSET, 7))
    assert plan.lies(0) is plan.lies(9)
    assert plan.lies(9) is not plan.lies(10)


@pytest.mark.parametrize('assignment', DESIGNS)
def test_without_adversaries_nobody_lies(assignment):
    plan = Attack(WHO['fixed'](assignment.n_workers, 0, 7),
                      FILES['all'](assignment, 7))
    assert plan.adversaries(3).shape == (assignment.n_workers,)
    assert not plan.adversaries(3).any()
    assert plan.lies(3).shape == assignment.incidence.shape
    assert not plan.lies(3).any()
