"""Silent workers, premises that do not hold, and ranks that fail."""

import logging

import numpy as np
import pytest

from aspis_mpi.detection.base import DROPPED
from aspis_mpi.errors import FAILED
from aspis_mpi.protocol.messages import Failure, Model
from aspis_mpi.schemes.record import Outcome
from tests.support.replica_bench import (
    SILENCE, a_little_off, check_end, not_finite, reversed_)

TRACEBACK = b'Traceback (most recent call last):\nZeroDivisionError: 0'


# --- silence -----------------------------------------------------------

def test_a_silent_worker_is_left_out_when_it_has_cost_too_much(long):
    """More than two silences and more than a hundredth of the run."""
    it = long
    for number in range(20):
        if number == 15:
            # A long step with everybody: 1 % of the run is more than that.
            it.clock.now += 380 * SILENCE
        it.play(absent=[4])
    without_work = [int(record.excluded[4]) for record in it.server.records]
    assert without_work == [0] * 3 + [1] * 13 + [0] * 1 + [1] * 3
    for record in it.server.records:
        assert not record.excluded[:4].any() and not record.late.any()
        assert not record.exposed.any() and not record.flagged.any()
        assert record.verdict is Outcome.CLEAN
        assert not record.account[:4].any()
    assert [record.account[4] for record in it.server.records[:4]] == [
        SILENCE, 2 * SILENCE, 3 * SILENCE, 3 * SILENCE]
    assert 'worker 4 was silent' in it.events()[0]
    assert it.events()[3].startswith('worker 4 has cost the run 6 s')


def test_who_has_no_work_is_told_nothing_but_named_to_all(long):
    it = long
    for _ in range(3):
        out = it.play(absent=[4])
    assert {worker for worker, _ in out} == {0, 1, 2, 3}
    for _, message in out:
        if isinstance(message, Model):
            assert message.excluded == np.packbits(
                [0, 0, 0, 0, 1]).tobytes()


def test_an_answer_clears_no_account(long):
    it = long
    pattern = []
    for number in range(10):
        # Silent in every second step.
        it.play(absent=[4] if number % 2 else [])
        pattern.append(int(it.last.excluded[4]))
    assert pattern == [0] * 6 + [1] * 4


def test_not_before_the_deadline(long):
    it = long
    it.clock.now = SILENCE * 0.999
    assert it.server.deadline == SILENCE
    assert it.server.tick() == []
    it.clock.now = SILENCE
    it.server.tick()
    assert sum('was silent' in text for text in it.events()) == 5


def test_slow_is_not_silent(long):
    """Each file that comes in is a sign of life."""
    it = long
    for worker in range(4):
        it.finish(worker)
    for position in range(6):
        assert it.server.step == 0
        it.clock.now += 0.9 * SILENCE
        assert it.server.tick() == []
        it.send(4, position)
    assert it.server.step == 1 and not it.events()
    assert it.last.seconds_wait == pytest.approx(5.4 * SILENCE)


def test_what_a_silent_worker_has_sent_still_counts(long):
    it = long
    it.send(4, 0, reversed_)
    it.play(absent=[4])
    assert it.last.verdict is not Outcome.CLEAN
    assert it.last.files_done.tolist() == [6, 6, 6, 6, 1]


def test_late_in_its_own_step_proves_nothing(long):
    """Given up while others are still waited for, then it speaks."""
    it = long
    for worker in range(3):
        it.finish(worker)
    it.clock.now = 0.5 * SILENCE
    it.send(3, 0)
    it.clock.now = SILENCE
    it.server.tick()
    assert 'worker 4 was silent' in it.events()[-1]
    assert it.server.step == 0
    held = it.incoming.made - len(it.incoming._free)
    assert it.finish(4) == []
    assert it.incoming.made - len(it.incoming._free) == held
    it.finish(3, start=1)
    assert it.server.step == 1
    assert not it.last.exposed.any()
    assert it.last.files_done.tolist() == [6, 6, 6, 6, 0]


@pytest.mark.parametrize('silence', [0.1, 0.7, 1.1, 60.0])
def test_at_the_deadline_somebody_is_given_up(bench, silence):
    """Sums of seconds are rounded; the clock may stand still there."""
    it = bench(silence=silence, run={'steps': 300})
    it.clock.now = 0.3
    for _ in range(100):
        it.play(absent=[4])     # asserts that each deadline does something
    assert it.server.step == 100


def test_all_silent_ends_the_run(long):
    it = long
    before = it.values.copy()
    out = it.play(absent=it.everybody)
    check_end(out, FAILED)
    assert it.server.exit_code == FAILED
    assert np.array_equal(it.values, before)
    assert any('no worker' in text
               for text in it.events(logging.ERROR))
    assert [record.verdict for record in it.server.records] == [
        Outcome.SKIPPED]


def test_a_stopped_server_waits_for_nobody(bench):
    it = bench(run={'steps': 1})
    it.play()
    it.clock.now = 1e9
    assert it.server.tick() == []
    assert it.server.deadline == np.inf


# --- the premise -------------------------------------------------------

TOO_MANY = {'more wrong workers': reversed_,
            'different bits': a_little_off,
            'diverged': not_finite}


@pytest.fixture
def premise(bench):
    """A server that is prepared for one liar and meets two."""
    return bench(run={'steps': 50}, scheme={'adversaries': 1})


@pytest.mark.parametrize('advice', TOO_MANY)
def test_three_contradictions_in_a_row_end_the_run(premise, advice):
    it, before = premise, premise.values.copy()
    lies = {0: TOO_MANY[advice],
            1: lambda values: TOO_MANY[advice](TOO_MANY[advice](values))}
    for number in range(3):
        assert it.server.exit_code is None
        out = it.play(lies)
        assert it.last.step == number
        assert it.last.verdict is Outcome.CONTRADICTION
        assert not it.last.flagged.any() and not it.last.exposed.any()
        assert not it.last.contributors.any()
        assert np.isnan(it.last.lr) and np.isnan(it.last.gradient_norm)
    check_end(out, FAILED)
    assert np.array_equal(it.values, before)
    assert not any(rule.calls for rule in it.rules)
    assert advice in it.events(logging.ERROR)[-1]
    assert len(it.events()) == 4


def test_an_event_names_the_pairs_that_disagree(premise):
    it = premise
    it.play({0: reversed_, 1: lambda values: 3 * values})
    text = it.events()[-1]
    assert 'step 0' in text and 'q = 1' in text
    assert '0-2' in text and '1-4' in text
    assert '2-3' not in text and '2-4' not in text
    assert f'{it.last.margin[1]:.3g}' in text


def test_a_good_step_in_between_is_forgiven(premise):
    it = premise
    bad = {0: reversed_, 1: lambda values: 3 * values}
    for lies in (bad, bad, {}, bad, bad, {0: reversed_}, bad, bad):
        it.play(lies)
        assert it.server.exit_code is None
    check_end(it.play(bad), FAILED)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_sum_that_is_not_finite_is_thrown_away(bench, value):
    scheme = {'name': 'uncoded', 'adversaries': 1}
    parameters = []
    for propagates in (True, False):
        it = bench(scheme=scheme)
        it.rules[0].shows_non_finite = propagates
        if propagates:
            it.rules[0].aggregate = it.rules[0].rule.aggregate
        it.play({3: lambda values: np.where(values > 0, value, values)})
        assert it.last.source.tolist() == [0, 1, 2, DROPPED, 4]
        parameters.append(it.values.copy())
    assert np.isfinite(parameters[0]).all()
    assert np.array_equal(*parameters)


def test_without_comparing_only_divergence_contradicts(bench):
    it = bench(scheme={'name': 'uncoded', 'adversaries': 1})
    it.play({0: reversed_, 1: reversed_})
    assert it.last.verdict is Outcome.CLEAN
    it.play({0: not_finite, 1: not_finite})
    assert it.last.verdict is Outcome.CONTRADICTION


# --- failure -----------------------------------------------------------

@pytest.mark.parametrize('step', [-1, 0, 1, 7])
def test_a_failing_rank_ends_the_run_with_its_traceback(long, step):
    it = long
    it.play()
    out = it.server.handle(2, Failure(step, text=TRACEBACK))
    check_end(out, FAILED)
    assert it.server.exit_code == FAILED
    text, = it.events(logging.ERROR)
    assert 'ZeroDivisionError' in text
    assert 'rank 3' in text and 'worker 2' in text


def test_a_traceback_of_any_bytes_is_taken(bench):
    it = bench()
    check_end(it.server.handle(0, Failure(0, text=b'\xff\x00\xfe')), FAILED)


def test_after_the_end_nothing_counts(long):
    it = long
    it.server.stop(FAILED, 'test')
    for worker in it.everybody:
        assert it.finish(worker) == []
        assert it.server.handle(worker, Failure(0, text=TRACEBACK)) == []
    assert not it.server.records
    assert len(it.incoming._free) == it.incoming.made
