"""Reactive redundancy: who is asked for copies, what they prove, and when."""

import os
from collections import Counter

import numpy as np
import pytest

from aspis_mpi.detection.base import ProofKind
from aspis_mpi.errors import DONE
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.protocol.messages import Purpose
from aspis_mpi.protocol.server.states import State
from aspis_mpi.schemes.record import Outcome
from tests.support.attack_parts import LIES
from tests.support.reactive_runs import (
    ReactiveBench, ReactiveRun, ReactiveStorm)

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
RUNS, PARTS = (10_000, 100) if THOROUGH else (40, 4)


def bench(coins=0, q=2, workers=7, load=1, rate=1.0, **sections):
    """A small server in which q may be wrong."""
    return ReactiveBench(
        coins, scheme={'workers': workers, 'adversaries': q},
        assignment={'load': load}, detection={'rate': rate}, **sections)


def copies(it):
    """The workers that were asked for each file of a turn, played out."""
    turn, asked = it.turn, Counter()
    it.sums()
    while it.turn == turn:
        for worker in it.checks():
            asked.update(it.asked(worker))
        it.answers()
    return asked


def lie_about(it, liars, size=1.0):
    """Let them say the same wrong thing of all their files."""
    files = [file for liar in liars for file in it.owned(liar)]
    it.lies = {(liar, file): size for liar in liars for file in files}


# --- copies ------------------------------------------------------------

@pytest.mark.parametrize('load', [1, 3])
@pytest.mark.parametrize('q', [1, 2, 3])
def test_without_a_lie_each_file_costs_q_more_gradients(q, load):
    it = bench(q=q, workers=2 * q + 2, load=load)
    asked = copies(it)
    assert asked == dict.fromkeys(range(it.assignment.n_files), q)
    assert it.last.files_checked == q * it.assignment.n_files
    assert it.last.verdict is Outcome.CLEAN and not it.last.exposed.any()


def test_a_step_that_is_not_looked_at_costs_nothing_more():
    it = bench(rate=1e-15)
    it.sums()
    assert it.turn == 1 and not it.last.files_checked


def test_no_worker_computes_what_it_has_sent():
    """Any other one may, each with the same probability."""
    seen = Counter()
    for coins in range(60):
        it = bench(coins)
        it.sums()
        while it.turn == 0:
            for worker in it.checks():
                assert it.orders[worker].position == Purpose.AGAIN
                assert not set(it.asked(worker)) & set(it.owned(worker))
                seen[worker, it.asked(worker)[0]] += 1
            it.answers()
    # 2 of 6 others in each of 60 turns.
    assert len(seen) == 42 and sum(seen.values()) == 60 * 14
    assert 5 <= min(seen.values()) and max(seen.values()) <= 40


def test_nothing_is_drawn_before_the_last_sum_is_complete():
    it = bench()
    it.sums(but=[4])
    assert {kind for kind, _ in it.events} == {'Sum'} and not it.orders
    it.sum(4)
    assert ('draw', 8) in it.events and it.state is State.CHECKING


@pytest.mark.parametrize('liars', [[2], [2, 5]])
def test_where_somebody_differs_2q_more_compute_it_at_most(liars):
    it = bench()
    lie_about(it, liars)
    asked = copies(it)
    assert all(2 <= asked[file] <= 4 for file in range(7))
    assert [row.worker for row in it.server.notes.exposures] == liars
    # Others have computed what they should have.
    assert (it.last.source >= 0).all()
    assert not set(it.last.source.tolist()) & set(liars)


def test_fewer_copies_do_once_a_liar_is_known():
    it = bench()
    lie_about(it, [3])
    copies(it)
    it.lies.clear()
    assert copies(it) == dict.fromkeys(range(7), 1)
    lie_about(it, [6])
    copies(it)
    assert {row.worker for row in it.server.notes.exposures} == {3, 6}
    # Nobody is left to be feared.
    it.lies.clear()
    assert not copies(it)


# --- proofs ------------------------------------------------------------

@pytest.mark.parametrize('bit', [0, 22, 31])
def test_one_bit_is_enough(bit):
    it = bench()
    it.sums(but=[2])
    message = it.a_sum(2)
    message.buffer.values.view(np.uint32)[-1] ^= np.uint32(1 << bit)
    it.send(2, message)
    it.finish(it.turn)
    assert [row.worker for row in it.server.notes.exposures] == [2]


def test_who_contradicts_honest_workers_is_exposed_and_never_these():
    for coins in range(20):
        it = bench(coins)
        it.lies = {(liar, file): 1.0 for liar in (1, 4)
                   for file in range(7) if file not in (
                       *it.owned(1), *it.owned(4))}
        it.play()
        exposed = [row.worker for row in it.server.notes.exposures]
        assert set(exposed) <= {1, 4} and exposed
        assert (it.last.source >= 0).all()


def test_a_proof_needs_more_than_can_be_wrong():
    it = bench()
    lie_about(it, [0])
    it.play()
    row, = it.server.notes.exposures
    assert row.proof is ProofKind.DISAGREEMENTS
    assert 'file 0 what more workers deny than can be wrong' in ' '.join(
        it.texts)


@pytest.mark.parametrize('load', [1, 2])
def test_silence_proves_nothing(load):
    """Who sends no sum, and who sends no copy: others do."""
    it = bench(load=load)
    record = it.play(silent=[3], mute=[5])
    assert not record.exposed.any() and not it.server.notes.exposures
    used = record.source >= 0
    assert used.all() and 3 not in record.source
    again = it.play()
    assert not again.exposed.any()


def test_a_late_sum_is_not_compared_any_more():
    it = bench()
    it.sums(but=[6])
    it.excuse(6)
    late = it.a_sum(6)
    late.buffer.values[:] += 1
    it.send(6, late)
    it.finish(it.turn)
    assert not it.server.notes.exposures
    assert 6 not in it.last.source and (it.last.source >= 0).all()


def test_what_is_not_finite_is_looked_at_in_any_step():
    it = bench(rate=1e-15)
    lie_about(it, [5], np.nan)
    it.play()
    assert [row.worker for row in it.server.notes.exposures] == [5]
    assert np.isfinite(it.server.values).all()


def test_a_copy_is_dropped_when_its_owner_is_exposed_meanwhile():
    it = bench()
    it.sums()
    worker = next(w for w in it.checks() if it.asked(w) == it.owned(2))
    it._note(it.server.malformed(2, 'nonsense', it.turn))
    it.answer(worker)
    it.finish(it.turn)
    assert [row.worker for row in it.server.notes.exposures] == [2]


class Negative(Quadratic):
    """Gradients with zeros that have a sign."""

    def gradient(self, parameters, samples, out):
        super().gradient(parameters, samples, out)
        out[::2] = -0.0


@pytest.mark.parametrize('load', [1, 2])
def test_the_sign_of_a_zero_is_no_difference_between_honest_workers(load):
    it = ReactiveRun(
        problem={'name': f'{__name__}:Negative', 'parameters': 6,
                 'batch_size': 28, 'micro_batch': 28},
        assignment={'load': load}, run={'steps': 3})
    assert it.code == DONE and not it.exposed
    assert all(record.files_checked for record in it.records)


# --- whole runs --------------------------------------------------------

def liars(value, **keys):
    return {'count': 2, 'value': value} | keys


def honest(**sections):
    return ReactiveRun(**sections).values


@pytest.mark.parametrize('value', sorted(set(LIES) - {'label-flip'}))
def test_no_lie_is_used_whatever_it_is(value):
    """The parameters are those of a run without, bit by bit."""
    for workers, load in (5, 1), (7, 2):
        keys = {'scheme': {'workers': workers},
                'assignment': {'load': load}, 'run': {'steps': 4}}
        it = ReactiveRun(adversary=liars(value), **keys)
        assert it.code == DONE and len(it.exposed) == 2
        assert it.records[0].exposed.sum() == 2
        assert it.values.tobytes() == honest(**keys).tobytes()


@pytest.mark.parametrize('protocol', ['frame', 'payloads', 'refuse'])
@pytest.mark.parametrize('value', ['honest', 'reversed'])
def test_nor_is_an_accusation_or_a_refusal(protocol, value):
    keys = {'scheme': {'workers': 6}, 'assignment': {'load': 2},
            'faults': {'silence': 2.0}}
    it = ReactiveRun(adversary=liars(value, protocol=protocol), **keys)
    assert it.code == DONE
    liars_of = set(np.flatnonzero(it.assembly.attack.adversaries(0)).tolist())
    assert it.exposed <= liars_of
    assert it.values.tobytes() == honest(**keys).tobytes()
    if (protocol, value) != ('refuse', 'honest'):
        assert it.exposed == liars_of


@pytest.mark.parametrize('files', ['random', 'fixed-disagreement', 'quiet'])
def test_who_lies_seldom_is_exposed_by_the_first_lie(files):
    it = ReactiveRun(adversary=liars('reversed', files=files), run={
        'steps': 30})
    for liar in it.exposed:
        turns = [r.step for r in it.records
                 if it.assembly.attack.lies(r.step)[:, liar].any()]
        found = [r.step for r in it.records if r.exposed[liar]]
        assert found[0] == turns[0]
    assert it.exposed
    assert it.values.tobytes() == honest(run={'steps': 30}).tobytes()


def test_the_randomised_scheme_looks_at_as_many_steps_as_it_says():
    """And a liar gets in until then, (1 - rate) / rate steps on average."""
    wrong = []
    for coins in range(120):
        it = ReactiveRun(
            coins, scheme={'name': 'reactive-random'}, run={'steps': 40},
            detection={'rate': 0.25}, adversary=liars('reversed'))
        assert it.code == DONE
        wrong.append(next((r.step for r in it.records if r.exposed.any()),
                          40))
        assert all(r.exposed.sum() in (0, 2) for r in it.records)
    assert abs(np.mean(wrong) - 3) < 1


def test_both_schemes_may_do_their_draws_again():
    one, other, third = (ReactiveRun(
        coins, scheme={'name': 'reactive-random'}, detection={'rate': 0.5},
        adversary=liars('reversed')) for coins in (1, 1, 2))
    draws = [[(d.step, d.kind, d.worker, d.checks)
              for d in it.server.notes.draws] for it in (one, other, third)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize('part', range(PARTS))
def test_random_hostile_runs(part):
    """Each turn is judged by the `Storm`; here, that something happened."""
    sent, exposed = Counter(), 0
    for seed in range(part, RUNS, PARTS):
        it = ReactiveStorm(np.random.default_rng([19, seed]))
        it.run()
        sent += it.sent
        exposed += len(it.server.notes.exposures)
    assert len(sent) >= 6 and exposed
