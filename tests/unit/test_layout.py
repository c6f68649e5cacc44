"""Files laid out by speeds: against brute force, bounds, and liars."""

from itertools import product

import numpy as np
import pytest

from aspis_mpi.assembly.design import Design
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.layout import (
    coins_of, completion, eased, laid_out, most_files, of_order, ring,
    shares, soonest, windows)
from aspis_mpi.assignment.pacing import by_speed
from aspis_mpi.errors import ReplayError
from aspis_mpi.schemes.adapting import GAIN, PATIENCE, Adapting, believed
from aspis_mpi.plan import describe, plan_of
from aspis_mpi.schemes.record import Draw, DrawKind
from tests.support.job_files import refusal
from tests.support.slow_nodes import job, tables

#: With room for more files than it gives to anybody.
DESIGN = Cyclic(15, load=5).widened(14)
SPEEDS = [np.array(it) for it in (
    [20., 20., 20., 2.], [5., 3., 2., 1.], [1., 1., 1., 1.],
    [7., 0., 7., 3.], [100., 1., 1., 1.])]


def nobody(n):
    return np.zeros(n, dtype=bool)


@pytest.mark.parametrize('speeds', SPEEDS)
@pytest.mark.parametrize(['f', 'r'], [(4, 2), (5, 2), (3, 3)])
def test_no_other_numbers_of_files_take_less_time(speeds, f, r):
    most = min(f, 4)
    counts = shares(speeds, f, r, most, nobody(4))
    possible = [it for it in product(range(most + 1), repeat=4)
                if sum(it) == r * f
                and not any(n and not v for n, v in zip(it, speeds))]
    if counts is None:
        assert not possible
        return

    def takes(counts):
        return max(n / v for n, v in zip(counts, speeds) if n)
    assert counts.sum() == r * f and counts.max() <= most
    assert takes(counts) == min(map(takes, possible))


@pytest.mark.parametrize('copies', [1, 2, 4])
def test_no_layout_is_there_sooner_than_all_that_is_finished(copies):
    rng = np.random.default_rng(copies)
    for _ in range(30):
        seconds = rng.exponential(size=9) + 0.01
        layout = laid_out(Cyclic(9, load=4).widened(8), seconds, range(9), 8,
                          nobody(9), nobody(9), coins_of((copies, 1)), copies)
        least = soonest(seconds, 9, copies)
        assert completion(layout.order, seconds, np.ones(9), copies) >= least
        assert (np.floor(least / seconds + 1e-9).clip(max=9).sum()
                >= 9 * copies)


def test_equal_workers_get_equally_many_files():
    counts = shares(np.full(15, 20.), 15, 5, 10, nobody(15))
    assert counts.tolist() == [5] * 15


def test_who_is_tried_gets_one_file():
    speeds = np.array([20.] * 11 + [2.] * 4)
    tried = np.arange(15) >= 13
    assert shares(speeds, 15, 5, 10, nobody(15))[11:].tolist() == [0] * 4
    counts = shares(speeds, 15, 5, 10, tried)
    assert counts[11:].tolist() == [0, 0, 1, 1] and counts.sum() == 75


@pytest.mark.parametrize('seed', range(5))
def test_windows_are_of_distinct_workers_and_hosts_share_few_files(seed):
    coins, hosts = coins_of((seed, 1)), np.arange(16) // 4
    rng = np.random.default_rng(seed)
    for _ in range(20):
        speeds = rng.exponential(size=16) + 0.1
        counts = shares(speeds, 16, 5, 10, nobody(16))
        order = ring(hosts.tolist(), coins)
        held = windows(counts, order, 16)
        assert (held.sum(axis=1) == 5).all()
        assert (held.sum(axis=0) == counts).all()
        for host in range(4):
            there = hosts == host
            bound = -(-counts[there].sum() // 16)
            assert held[:, there].sum(axis=1).max() <= bound


def test_dealing_out_in_turn_would_crowd_a_host():
    """K = 8 on two hosts, r = 4: the reason for side by side."""
    held = windows(np.full(8, 4), [0, 4, 1, 5, 2, 6, 3, 7], 8)
    assert held[:, :4].sum(axis=1).max() == 4
    held = windows(np.full(8, 4), range(8), 8)
    assert held[:, :4].sum(axis=1).max() == 2


def test_the_ring_is_drawn_hosts_and_ranks_alike():
    hosts = [0, 0, 1, 1, 2, 2]
    found = {tuple(ring(hosts, coins_of((seed, 0)))) for seed in range(400)}
    assert len(found) == 6 * 8
    for order in found:
        assert all(hosts[a] == hosts[b] for a, b in zip(order[::2],
                                                        order[1::2]))


@pytest.mark.parametrize('copies', [1, 3, 5])
def test_no_order_of_computing_brings_the_copies_sooner(copies):
    seconds = np.full(15, 0.05)
    layout = laid_out(DESIGN, seconds, range(15), 10, nobody(15), nobody(15),
                      coins_of((5, 6)), copies)
    took = completion(layout.order, seconds, np.ones(15), copies)
    assert took == completion(by_speed(layout, seconds, copies), seconds,
                              np.ones(15), copies)
    assert 0.05 * copies <= took + 1e-9 <= 0.25 + 2e-9
    assert np.array_equal(of_order(layout.order, DESIGN).incidence,
                          layout.incidence)


@pytest.mark.parametrize('copies', [1, 2, 3, None])
def test_completion_is_that_of_every_file(copies):
    rng = np.random.default_rng(3)
    design, seconds = Cyclic(7, load=3), rng.random(7)
    times = [[] for _ in range(7)]
    for worker in range(7):
        for position, file in enumerate(design.files(worker).tolist()):
            times[file].append((position + 1) * seconds[worker])
    wanted = max(sorted(it)[(copies or 3) - 1] for it in times)
    assert completion(design.order, seconds, np.ones(7), copies) == (
        pytest.approx(wanted))
    assert completion(design.order, seconds, np.ones(7), 4) == np.inf


def test_large_files_take_longer():
    order = np.array([[0, 1], [1, 2], [2, 0]])
    costs = np.array([4.0, 1.0, 1.0])
    seconds = np.array([1.0, 1.0, 10.0])
    # Worker 0 needs 4 s for file 0, then 1 s; worker 1 has file 2 after 2 s.
    assert completion(order, seconds, costs, 1) == 4.0
    assert completion(order, seconds, costs) == 50.0


def test_nobody_is_faster_than_q_others():
    seconds = np.array([1e-6, 1e-6, 0.05, 0.05, 0.5])
    honest = believed(seconds, np.ones(5, dtype=bool), 2)
    assert honest.tolist() == [0.05] * 4 + [0.5]
    away = believed(seconds, np.array([1, 1, 1, 1, 0], dtype=bool), 2)
    assert away[4] == np.inf


@pytest.mark.parametrize('q', [1, 2])
def test_liars_cannot_take_over_by_being_fast(q):
    """At most as many copies as honest workers could have."""
    design = Cyclic(15, load=2 * q + 1).widened(14)
    seconds = np.full(15, 0.05)
    seconds[:q] = 1e-9
    layout = laid_out(
        design, believed(seconds, np.ones(15, dtype=bool), q), range(15),
        most_files(15, 2 * q + 1, 15), nobody(15), nobody(15),
        coins_of((1, 2)))
    assert layout.loads.max() <= 2 * q + 1
    assert layout.unanimous(q) == 0


@pytest.fixture
def adapting():
    return Adapting(1, DESIGN, range(15), 11)


def changed(adapting, seconds, turn=1, copies=3, order=None, **away):
    present = np.ones(15, dtype=bool)
    present[away.get('without', [])] = False
    order = DESIGN.order if order is None else order
    return adapting.change(turn, order, seconds, present, 2, copies)


def test_what_gains_less_than_a_tenth_changes_nothing(adapting):
    assert changed(adapting, np.full(15, 0.05)) is None
    noisy = 0.05 * (1 + 0.03 * np.random.default_rng(1).random(15))
    assert changed(adapting, noisy) is None


def test_two_slow_workers_apart_change_nothing_where_three_copies_do(
        adapting):
    seconds = np.full(15, 0.05)
    seconds[[3, 10]] = 0.5
    assert changed(adapting, seconds) is None


def test_a_slow_node_gets_what_nobody_waits_for(adapting):
    seconds = np.full(15, 0.05)
    seconds[3:7] = 0.5
    it = changed(adapting, seconds)
    assert it.before == pytest.approx(1.5) and it.after <= 0.35
    assert it.before > GAIN * it.after
    assert it.layout.loads[3:7].tolist() == [1] * 4
    assert it.layout.loads.sum() == 75 + 4
    # Back as soon as it is fast.
    back = changed(adapting, np.full(15, 0.05), 2, order=it.layout.order)
    assert np.array_equal(back.layout.order, DESIGN.order)


def test_where_all_is_waited_for_slow_ones_are_tried_now_and_then(adapting):
    seconds, tried = np.full(15, 0.05), []
    seconds[3:7] = 0.5
    it = changed(adapting, seconds, copies=None)
    order = it.layout.order
    assert it.layout.loads[3:7].tolist() == [0] * 4
    for turn in range(2, 80):
        it = changed(adapting, seconds, turn, None, order)
        if it is not None:
            order = it.layout.order
            if it.layout.loads[3:7].any():
                tried.append(turn)
    assert tried[0] == 1 + PATIENCE and len(tried) == 3
    assert tried[2] - tried[1] >= 2 * (tried[1] - tried[0]) - 2


@pytest.mark.parametrize('seed', range(5))
def test_the_smallest_files_lie_where_some_are_tried(seed):
    """Nobody has more files than before, nor with whom it had none."""
    rng = np.random.default_rng(seed)
    costs, tried = rng.permutation(15) + 1.0, np.arange(15) >= 13
    counts = shares(np.array([20.] * 11 + [2.] * 4), 15, 5, 10, tried)
    held = windows(counts, ring(range(15), coins_of((seed, 3))), 15)
    other = eased(held, tried, costs)
    theirs = costs[other[:, tried].any(axis=1)]
    assert theirs.max() <= 2
    assert sorted(map(tuple, other)) == sorted(map(tuple, held))
    assert np.array_equal(eased(held, nobody(15), costs), held)


def test_who_is_tried_again_gets_the_smallest_file_and_it_is_said():
    """A step that is to last longer is no mistake then."""
    costs = np.arange(15, 0, -1) / 8
    it = Adapting(1, DESIGN, range(15), 11, costs)
    seconds = np.full(15, 0.05)
    seconds[[3, 9]] = 5.0
    first = changed(it, seconds, copies=None)
    assert 'again' not in first.sentence
    assert f's instead of {first.before:.4g} s' in first.sentence
    order, trials = first.layout.order, []
    for turn in range(2, 80):
        change = changed(it, seconds, turn, None, order)
        if change is not None:
            order = change.layout.order
            if change.tried:
                trials.append(change)
    assert len(trials) == 3
    for trial in trials:
        assert trial.tried == [3, 9]
        assert costs[trial.layout.order[[3, 9], 0]].max() <= 2 / 8
        assert trial.after <= 5.0 * 2 / 8 + 1e-9
        assert ('; workers 3, 9 have some again, to see whether they are '
                'still slow: then a step takes '
                f'{trial.after:.4g} s instead of {trial.before:.4g} s'
                ) in trial.sentence


def test_what_nobody_can_finish_is_not_compared(adapting):
    """Who had files is gone: a step would take for ever."""
    gone = changed(adapting, np.full(15, 0.05), copies=None, without=[2])
    assert gone.before == np.inf
    assert gone.sentence.endswith(f'a step is to take {gone.after:.4g} s')


def test_who_is_away_gets_nothing(adapting):
    it = changed(adapting, np.full(15, 0.05), without=[0, 1, 2])
    assert it is None or not it.layout.loads[[0, 1, 2]].any()
    seconds = np.full(15, 0.05)
    seconds[3:7] = 0.5
    it = changed(adapting, seconds, without=[0, 1, 2])
    assert not it.layout.loads[[0, 1, 2]].any()
    assert it.layout.least_copies == 5


def test_too_few_workers_are_laid_out_as_they_are(adapting):
    seconds = np.full(15, 0.05)
    seconds[3:7] = 0.5
    assert changed(adapting, seconds, without=[0, 1, 2, 7, 8]) is None


@pytest.mark.parametrize('n_left', [1, 2, 3])
def test_of_whom_all_may_lie_nobodys_speed_counts(n_left):
    """K = 3, q = 1, where two may die: all the same it never fails."""
    seconds = np.array([0.05, 0.05, 50.0])
    design = Cyclic(3, load=1).widened(3)
    it = Adapting(1, design, range(3), 1).change(
        1, design.order, seconds, np.arange(3) >= 3 - n_left, 1, 1)
    assert (it is None) == (n_left == 1)


def test_a_record_is_followed_or_refused():
    seconds = np.full(15, 0.05)
    seconds[3:7] = 0.5
    first = changed(Adapting(1, DESIGN, range(15), 11), seconds)
    again = Adapting(1, DESIGN, range(15), 11)
    again.replay([Draw(0, 0, 0, DrawKind.HEADS),
                  Draw(0, 0, 0, DrawKind.LAYOUT, first.seed)])
    same = changed(again, seconds)
    assert np.array_equal(same.layout.order, first.layout.order)
    assert changed(again, seconds, 2) is None
    late = Adapting(1, DESIGN, range(15), 11)
    late.replay([Draw(0, 0, 0, DrawKind.LAYOUT, first.seed)])
    with pytest.raises(ReplayError, match='a layout after step 0'):
        changed(late, seconds, 2)


ADAPT = {'adapt': 5, 'placement': None}


def test_the_plan_counts_with_the_most_files():
    plan, fixed = (plan_of(Design(job(assignment={'adapt': every})))
                   for every in (5, 0))
    assert (plan.adapts_every, fixed.adapts_every) == (5, 0)
    # Four may be exposed and gone.
    assert plan.most_files == most_files(15, 5, 11) == 14
    assert fixed.most_files == 5
    assert ('Every 5 steps files may be laid out anew by the speeds of '
            'workers, none of which gets more than 14 files.'
            ) in describe(plan)
    assert 'laid out anew' not in describe(fixed)
    assert plan.worker_memory > fixed.worker_memory


@pytest.mark.parametrize(['changes', 'words'], [
    ({'scheme': {'name': 'partial', 'adversaries': 0}},
     "set transfer.name = 'sums' or 'replicas', or adapt = 0"),
    ({'assignment': {'load': 3}}, 'must be at least 2q + 1 = 5'),
    ({'assignment': {'reorder': 3}}, 'reorder = 3'),
    ({'assignment': {'rename': True}}, 'rename = true'),
    ({'adversary': {'count': 2, 'files': 'fixed-disagreement'}},
     "set 'all' or 'random'"),
    ({'adversary': {'count': 2, 'who': 'worst'}}, "set 'fixed' or 'random'"),
    ({'scheme': {'name': 'spot'}, 'assignment': {'load': 8},
      'detection': {'rollback': False}}, 'set detection.rollback = true')])
def test_adapt_is_refused_where_it_is_not_safe(changes, words):
    changes = dict(changes)
    changes['assignment'] = ADAPT | changes.get('assignment', {})
    text = refusal(tables(**changes))
    assert 'assignment.adapt = 5: ' in text and words in text
