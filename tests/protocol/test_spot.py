"""Spot checks: in which order things are drawn, and who is exposed by what."""

import numpy as np
import pytest

from aspis_mpi.detection.base import ProofKind
from aspis_mpi.protocol.server.states import State
from aspis_mpi.schemes.record import Outcome
from tests.support.spot_bench import SpotBench

ALWAYS = {'rate': 1.0, 'first': 0}
#: But for what a test wants.
NEVER = {'rate': 1e-15, 'first': 0}
UNAIDED = {'audits': 'none'}


def bench(coins=0, q=1, workers=7, load=2, detection=ALWAYS, **sections):
    """A small server in which q may be wrong."""
    return SpotBench(
        coins, scheme={'workers': workers, 'adversaries': q},
        assignment={'load': load}, detection=detection, **sections)


def kinds(it):
    """Kinds of the events so far."""
    return [kind for kind, _ in it.events]


def proofs(it):
    """Worker and kind of all proofs."""
    return [(row.worker, row.proof) for row in it.server.notes.exposures]


def checker_of(it, files):
    """Who checks one of some files, with that file, or None."""
    return next(((worker, file) for worker, file in it.checks().items()
                 if file in files), None)


# -- the order is the security

def test_the_coin_falls_when_the_last_sum_is_complete():
    it = bench(detection={'rate': 0.5, 'first': 0})
    it.sums(but=[4])
    assert 'draw' not in kinds(it)
    it.sum(4)
    assert kinds(it)[7] == 'draw'


def test_the_secret_is_drawn_when_the_sums_are_in_and_checks_afterwards():
    """Nothing at all is drawn while sketches arrive."""
    it = bench()
    it.sums()
    assert it.events[7:] == [('draw', 8), ('draw', 16)]
    it.events.clear()
    it.answers(but=[6])
    assert 'draw' not in kinds(it)
    it.answer(6)
    assert kinds(it).count('Sketch') == 7 and kinds(it)[7:]
    assert set(kinds(it)[7:]) == {'draw'}


def test_all_owners_are_asked_by_one_secret_and_checkers_by_the_same():
    it = bench()
    it.sums()
    seeds = {order.seed for order in it.orders.values()}
    it.answers()
    seeds |= {order.seed for order in it.orders.values()}
    assert len(seeds) == 1 and set(it.checks()) == it.present


def test_each_turn_has_another_secret():
    it, seeds = bench(), set()
    for _ in range(4):
        it.sums()
        seeds.add(it.orders[0].seed)
        it.finish(it.turn)
    assert len(seeds) == 4


def test_each_worker_checks_one_file_of_another_one():
    """Any of its files, and any other one's."""
    seen = set()
    for coins in range(40):
        it = bench(coins)
        it.sums()
        it.answers()
        checks = it.checks()
        owners = {worker for worker in it.present
                  for file in checks.values() if file in it.owned(worker)}
        assert owners == it.present == set(checks)
        assert not any(file in it.owned(worker)
                       for worker, file in checks.items())
        seen |= set(checks.items())
    assert {file for _, file in seen} == set(range(14))
    assert len({divmod(file, 2)[0] for worker, file in seen
                if worker == 3}) == 6


def test_an_unchecked_step_is_sums_and_nothing_else():
    it = bench(detection=NEVER)
    it.sums()
    assert it.turn == 1 and not it.orders
    assert it.last.files_checked == 0 and it.last.verdict is Outcome.CLEAN
    assert kinds(it) == ['Sum'] * 7 + ['draw']


def test_the_first_the_last_and_those_before_a_checkpoint_are_checked():
    it = bench(detection={'rate': 1e-15, 'first': 2},
               run={'steps': 12, 'checkpoint_every': 5})
    for _ in range(12):
        it.play()
    checked = [record.step for record in it.server.records
               if record.files_checked]
    assert checked == [0, 1, 4, 9, 11]


def test_nothing_is_checked_once_all_liars_are_known():
    it = bench()
    it.lies |= {(3, file): 1.0 for file in it.owned(3)}
    it.play()
    assert proofs(it) == [(3, ProofKind.AUDIT)]
    record = it.play()
    assert not record.files_checked and record.excluded[3]
    assert record.files_missing == 0


# -- who is exposed by what

def test_a_sum_against_its_own_sketches_exposes():
    it = bench()
    it.added[2] = 0.5
    it.play()
    assert proofs(it) == [(2, ProofKind.SKETCHES)]
    assert 2 not in it.last.source


@pytest.mark.parametrize('load', [1, 3])
def test_a_wrong_file_is_seen_by_whoever_checks_it(load):
    for worker in 0, 4:
        it = bench(load=load)
        it.lies |= {(worker, file): 1.0 for file in it.owned(worker)}
        it.play()
        assert proofs(it) == [(worker, ProofKind.AUDIT)]


def test_who_frames_is_exposed_and_never_the_framed():
    for worker in 0, 4:
        it = bench()
        it.lies |= {(worker, file): 1.0 for file in range(14)
                    if file not in it.owned(worker)}
        it.play()
        assert proofs(it) == [(worker, ProofKind.AUDIT)]


def test_a_disagreement_alone_exposes_nobody():
    """Until the audit, or more than can be wrong, have spoken."""
    it = bench(q=2, detection=ALWAYS | UNAIDED)
    it.lies |= {(3, file): 1.0 for file in it.owned(3)}
    it.sums()
    it.answers()
    checker, file = checker_of(it, it.owned(3))
    it.answers()
    assert it.state is State.CHECKING and not proofs(it)
    more = it.checks()
    assert set(more.values()) == {file} and checker not in more
    # The checker and these: one more than can be wrong.
    assert len(more) == 2 and 3 not in more
    it.finish(it.turn)
    assert proofs(it) == [(3, ProofKind.DISAGREEMENTS)]


def test_without_audits_who_frames_is_denied_by_the_others():
    it = bench(q=2, detection=ALWAYS | UNAIDED)
    it.lies |= {(3, file): 1.0 for file in range(14)
                if file not in it.owned(3)}
    it.play()
    assert proofs(it) == [(3, ProofKind.DISAGREEMENTS)]


@pytest.mark.parametrize('audits', ['contested', 'none'])
def test_who_is_exposed_supports_nobody(audits):
    """Else what two liars show would outnumber one liar that is left.

    Both say the same of a file with too large a norm; then one exposes
    itself, before an honest one has computed the file.
    """
    for coins in range(12):
        it = bench(coins, q=2, detection=NEVER | {'audits': audits})
        file = it.owned(1)[0]
        it.lies |= {(1, file): 1e4, (5, file): 1e4}
        it.sums()
        it.answers()
        if audits == 'none':
            if it.checks().get(5) != file:
                continue
            it.answer(5)
            it._note(it.server.malformed(5, 'nonsense', it.turn))
        it.finish(0)
        assert not {0, 2, 3, 4, 6} & {worker for worker, _ in proofs(it)}
        assert 1 in {worker for worker, _ in proofs(it)}
        return
    raise AssertionError('the second liar was never asked')


def test_a_liar_gets_through_when_a_colluder_checks_it_and_no_oftener():
    """With probability (q - 1) / (K - 1)."""
    n, free = 300, 0
    for coins in range(n):
        it = bench(coins, q=2)
        it.lies |= {(worker, file): 1.0 for worker in (1, 5)
                    for file in it.owned(1)}
        record = it.play()
        free += not record.exposed[1]
        assert not record.exposed[[0, 2, 3, 4, 6]].any()
    assert abs(free / n - 1 / 6) <= 3 * np.sqrt(1 / 6 * 5 / 6 / n)


def test_one_that_is_exposed_bears_out_no_other():
    """Two liars, one checked by the other: its file is drawn once more."""
    both = 0
    for coins in range(40):
        it = bench(coins, q=2)
        it.lies |= {(worker, file): 1.0 for worker in (1, 5)
                    for file in it.owned(1) + it.owned(5)}
        it.sums()
        it.answers()
        checks = it.checks()
        one = checks[5] in it.owned(1), checks[1] in it.owned(5)
        record = it.finish(0)
        both += one == (True, False)
        assert record.exposed[[1, 5]].tolist() == [not all(one)] * 2
    assert both


def test_more_exposed_than_assumed_is_a_contradiction():
    it = bench(q=1)
    it.added |= {2: 0.5, 3: 0.5}
    record = it.play()
    assert record.verdict is Outcome.CONTRADICTION


def test_all_are_named_of_whom_nothing_is_left_in_the_update():
    """A sum that was used is not, once its sender is exposed in the step."""
    it = bench(detection=NEVER | {'rollback': False},
               faults={'tolerate': 1})
    it.sums(but=[0])
    while not it.orders:
        it.wait()
    files = [it.asked(worker) for worker in it.orders]
    assert sorted(sum(files, [])) == it.owned(0)
    liar = next(iter(it.orders))
    it._note(it.server.malformed(liar, 'nonsense', it.turn))
    record = it.finish(0)
    assert liar not in record.source and record.exposed[liar]
    assert record.files_missing == 0
