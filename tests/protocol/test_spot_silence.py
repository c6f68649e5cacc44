"""Who owes an answer under spot checks: others take its place at once."""

import numpy as np
import pytest

from aspis_mpi.detection.base import ProofKind
from aspis_mpi.errors import DONE
from aspis_mpi.protocol.messages import Compute, Purpose
from aspis_mpi.protocol.server.states import State
from tests.support.spot_bench import SILENCE, SpotBench
from tests.support.spot_runs import SpotRun, liar

ALWAYS = {'rate': 1.0, 'first': 0}
NEVER = {'rate': 1e-15, 'first': 0}


def bench(coins=0, q=1, detection=ALWAYS, **sections):
    return SpotBench(coins, detection=detection,
                     scheme={'workers': 7, 'adversaries': q}, **sections)


def proofs(it):
    return [(row.worker, row.proof) for row in it.server.notes.exposures]


@pytest.mark.parametrize('detection', [ALWAYS, NEVER], ids=['checked', 'not'])
@pytest.mark.parametrize('where', ['silent', 'mute'])
def test_files_of_the_silent_are_computed_by_others_in_the_same_step(
        where, detection):
    """Of owners that send nothing, or nothing but their sum."""
    it = bench(detection=detection)
    for _ in range(3):
        record = it.play(**{where: [3]})
        quiet = where == 'silent' or detection is ALWAYS
        assert record.files_missing == 0 and not record.exposed.any()
        assert (3 in record.source) != quiet


def test_a_check_that_does_not_come_is_drawn_anew_for_the_same_file():
    it = bench()
    it.sums()
    it.answers()
    file = it.checks()[3]
    it.answers(but=[3])
    it.orders.clear()
    while not it.orders:
        it.wait()
    checker = next(worker for worker, one in it.checks().items()
                   if one == file)
    assert checker != 3 and file not in it.owned(checker)
    assert not proofs(it)


def test_whoever_keeps_silent_when_it_would_have_to_check_saves_no_liar():
    """Its colluder, which lies on all files, is exposed in the same step."""
    for coins in range(20):
        it = bench(coins, q=2)
        it.lies |= {(1, file): 1.0 for file in it.owned(1)}
        it.sums()
        it.answers()
        it.finish(0, mute=[5])
        assert proofs(it) == [(1, ProofKind.AUDIT)]


@pytest.mark.parametrize('rate', [0.1, 0.5])
def test_who_never_answers_when_asked_is_compared_with_others(rate):
    """Else it could send anything as long as it is not asked."""
    run = SpotRun(detection={'rate': rate, 'first': 0}, adversary=liar(
        protocol='refuse', value='reversed', scale=1.0),
        run={'steps': 200})
    assert run.code == DONE and len(run.exposed) == 1
    assert len(run.rollbacks) == 1
    honest = SpotRun(detection={'rate': rate, 'first': 0},
                     run={'steps': 200})
    assert run.values.tobytes() == honest.values.tobytes()


def test_who_is_only_slow_to_answer_is_not_exposed():
    """What it has sent is what the others find."""
    run = SpotRun(detection=ALWAYS, adversary=liar(
        protocol='refuse', value='honest'))
    assert run.code == DONE and not run.exposed


@pytest.mark.parametrize('q', [1, 2, 3])
def test_who_refuses_is_exposed_by_more_than_can_be_wrong(q):
    """Without audits as many compute its files as it takes."""
    for coins in range(5):
        it = bench(coins, q, ALWAYS | {'audits': 'none'})
        it.added[3] = 0.5
        record = it.play(mute=[3])
        assert proofs(it) == [(3, ProofKind.DISAGREEMENTS)]
        assert record.files_checked >= 2 * q
        assert any('more workers find than can be' in it for it in it.texts)


def test_who_refuses_is_not_exposed_on_the_word_of_others_alone():
    """The two that compute its files may both be wrong: no proof."""
    for coins in range(10):
        it = bench(coins, 2, ALWAYS | {'audits': 'none'})
        it.added[3] = 0.5
        it.sums()
        it.answers(but=[3])
        it.excuse(3)
        while it.turn == 0:
            it.answers(but=[0, 1, 3, 4])
            it.orders.clear()
            if it.turn == 0:
                it.wait()
        assert not proofs(it)


def test_a_right_sum_that_nobody_answers_for_costs_no_more_copies():
    it = bench(q=2, detection=ALWAYS | {'audits': 'none'})
    record = it.play(mute=[3])
    assert not proofs(it) and record.files_missing == 0
    # One of each of the others, and its two files.
    assert record.files_checked == 6 + 2


@pytest.mark.parametrize('audits', ['contested', 'none'])
def test_no_check_that_is_refused_takes_a_lie_back(audits):
    """A liar would never be contradicted if it left in time."""
    for coins in range(10):
        it = bench(coins, 2, ALWAYS | {'audits': audits})
        it.lies |= {(3, file): 1.0 for file in it.owned(3)}
        it.sums()
        it.answers()
        it.excuse(3)
        it.finish(0, mute=[3])
        assert [worker for worker, _ in proofs(it)] == [3]


def test_who_was_late_with_its_sum_has_no_more_time_to_answer_for_it():
    """It is not waited for until it would be silent."""
    it = bench()
    for _ in range(3):
        it.play()
    it.sums(but=[3, 5])
    it.excuse(3)
    it.sum(3)
    it.sum(5)
    it.answers(but=[3])
    asked = it.clock.now
    while it.state is State.VERIFYING:
        it.wait()
    assert it.clock.now - asked < SILENCE / 10
    assert it.finish(3, mute=[3]).late[3] and not proofs(it)


def test_who_was_late_with_its_sum_but_answers_for_it_is_used():
    it = bench()
    it.sums(but=[3, 5])
    it.excuse(3)
    it.sum(3)
    it.sum(5)
    record = it.finish(0)
    assert 3 in record.source and record.late[3]


def test_the_late_answers_of_who_was_given_up_count_no_more():
    it = bench()
    it.sums()
    order = it.orders[3]
    it.answers(but=[3])
    it.orders.clear()
    while not it.orders:
        it.wait()
    table, state = it.table, it.state
    out = it.send(3, it.sketch(3, it.owned(3), order.seed, order.epoch))
    assert not out and it.state is state
    assert all(one.shown is None for one in table.sums.sent if one.worker == 3)
    record = it.finish(0)
    assert 3 not in record.source and not record.exposed.any()


def own_orders(it):
    return {worker: it.asked(worker) for worker, order in it.orders.items()
            if isinstance(order, Compute) and order.position == Purpose.OWN}


def test_a_sum_of_who_was_given_up_for_it_is_dropped():
    """Also while others still owe theirs."""
    it = bench(detection=NEVER)
    it.sums(but=[0])
    while not it.orders:
        it.wait()
    slow, other = sorted(it.orders)
    files, epoch = it.asked(slow), it.orders.pop(slow).epoch
    it.excuse(slow)
    it.sum(slow, files, epoch)
    record = it.finish(0)
    assert record.files_missing == 0 and not record.exposed.any()
    assert slow not in record.source[it.owned(0)]


def test_all_files_of_sums_in_the_place_of_others_are_checked():
    """Also in a step that nobody looks at."""
    it = bench(detection=NEVER)
    it.sums(but=[0])
    while not it.orders:
        it.wait()
    it.answers()
    assert it.state is State.VERIFYING
    it.answers()
    assert sorted(it.checks().values()) == it.owned(0)
    record = it.finish(0)
    assert record.files_checked == 2 and record.files_missing == 0


def test_who_is_not_believed_does_not_get_its_own_files_again():
    """One of two lies, and nobody is left who could say which."""
    it = SpotBench(scheme={'workers': 3, 'adversaries': 1},
                   detection=ALWAYS | {'audits': 'none'})
    it.lies |= {(0, file): 1.0 for file in it.owned(0)}
    it.sums()
    it.answers()
    for _ in range(9):
        if own_orders(it):
            break
        if set(it.orders) - {2}:
            it.answers(but=[2])
        else:
            it.excuse(2)
    assert own_orders(it) and 0 not in own_orders(it)


@pytest.mark.parametrize('load', [1, 2])
def test_gradients_that_are_not_kept_are_the_same_bits(load):
    sections = {'assignment': {'load': load},
                'adversary': liar(begins=20)}
    kept, again = (SpotRun(detection={
        'rate': 0.5, 'first': 0, 'keep_gradients': keeps}, **sections)
        for keeps in (True, False))
    assert kept.values.tobytes() == again.values.tobytes()
    assert kept.exposed == again.exposed != set()


def test_honest_deaths_and_silence_change_no_bits():
    """Files of the absent are those of others, one by one the same."""
    plain = bench()
    absent = bench()
    for _ in range(3):
        before = absent.server.values.copy()
        assert before.tobytes() == plain.server.values.tobytes()
        plain.play()
        absent.play()
    absent.play(silent=[6])
    plain.play()
    np.testing.assert_allclose(absent.server.values, plain.server.values,
                               rtol=1e-5)


def test_files_of_who_died_when_it_was_exposed_are_those_of_others():
    """Also after a resume: else honest sums would lack what they should have.
    """
    it = bench(goes_back=True, faults={'tolerate': 2})
    it.lies |= {(3, file): 1.0 for file in it.owned(3)}
    it.sums()
    it.answers()
    it.answers(but=[3])
    it.lose(3)
    it.finish(0)
    assert [worker for worker, _ in proofs(it)] == [3]
    it.lies.clear()
    it.resume()
    assert it.present == set(range(7)) - {3}
    assert sorted(sum(map(it.owned, it.present), [])) == list(range(14))
    record = it.play()
    assert not proofs(it) and record.files_missing == 0


def quarrel(workers, q, coins=0):
    """A bench in which an owner and its checker are alone in a turn."""
    it = SpotBench(coins, scheme={'workers': workers, 'adversaries': q},
                   detection=ALWAYS | {'audits': 'none'})
    it.lies |= {(0, file): 1.0 for file in it.owned(0)}
    it.sums()
    it.answers()
    checker = next(worker for worker, file in it.checks().items()
                   if file in it.owned(0))
    it.answers()
    for worker in sorted(it.orders):
        it.excuse(worker)
    for worker in range(1, workers):
        if worker != checker and it.turn == 0 and it.state is State.CHECKING:
            it.excuse(worker)
    return it, checker


def test_of_two_that_contradict_each_other_neither_gets_work_any_more():
    """Where too few others can say who is right; q falls by one."""
    it, checker = quarrel(7, 2)
    record = it.finish(0)
    assert not record.exposed.any() and not it.server.notes.exposures
    assert it.present == set(range(7)) - {0, checker}
    assert any(f'workers {min(0, checker)} and {max(0, checker)} contradict '
               'each other' in text for text in it.texts)
    assert it.server.server._membership.q == 1
    record = it.play()
    assert record.excluded[[0, checker]].all() and not record.exposed.any()
    assert record.files_missing == 0
