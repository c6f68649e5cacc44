"""Who was exposed gets no work: what the server remembers, and does then."""

from dataclasses import replace

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.job import loading
from aspis_mpi.protocol.messages import Progress, Replica
from aspis_mpi.schemes.record import Outcome
from tests.support.challenged_jobs import Run, assembled, liars, tables

#: Replicas of 84 files, each on 3 of 9 workers; 2 may be wrong.
REPLICAS = {'assignment': {'name': 'subset'}, 'collection': {'name': 'all'},
            'transfer': {'name': 'replicas', 'challenge': False}}
#: As many files as workers, 5 copies of each, as few as possible awaited.
SUMS = {'transfer': {'name': 'sums', 'challenge': True}}
KINDS = pytest.mark.parametrize('kind', [REPLICAS, SUMS],
                                ids=['replicas', 'sums'])


def job(kind, steps=5, memory='forever', **sections):
    """A job that remembers exposures."""
    keys = {'memory': memory} | sections.pop('detection', {})
    return kind | {'run': {'steps': steps}, 'detection': keys} | sections


def run(kind, steps=5, memory='forever', between=None, **sections):
    return Run(assembled(**job(kind, steps, memory, **sections)),
               between=between)


def models(it, worker):
    """Steps of which a worker is told."""
    return [step for step in range(it.assembly.job.run.steps)
            if it.server.down[step, 'Model', worker]]


# --- who takes part ----------------------------------------------------

@KINDS
def test_an_exposed_worker_is_told_of_no_later_step(kind):
    """Fails where exposures are not learned, or not asked for."""
    it = run(kind, adversary=liars(0, files='all'))
    assert it.code == DONE and models(it, 0) == [0]
    assert all(models(it, other) == list(range(5)) for other in range(1, 9))
    for record in it.records:
        assert np.flatnonzero(record.exposed).tolist() == [0]
        assert np.flatnonzero(record.excluded).tolist() == [0][:record.step]


@KINDS
def test_after_a_window_an_exposed_worker_is_asked_again(kind):
    """Its evidence expires; then it lies again, and is exposed again."""
    it = run(kind, steps=8, memory='window', detection={'window': 3},
             adversary=liars(0, files='all'))
    assert it.code == DONE and models(it, 0) == [0, 3, 6]
    assert all(record.exposed[0] for record in it.records)


@KINDS
def test_without_memory_everybody_is_asked_in_every_step(kind):
    it = run(kind, memory='step', adversary=liars(0, files='all'))
    assert models(it, 0) == list(range(5))


def test_an_exposed_worker_that_talks_on_is_not_heard():
    """Fails where what comes from without the step is believed."""
    it = run(SUMS, adversary=liars(0, files='all'))
    for record in it.records[1:]:
        assert not record.contributors[:, 0].any()
        assert not record.files_done[0]
        assert not it.server.up[record.step, 'Progress', 0]


# --- who does its work -------------------------------------------------

@KINDS
@pytest.mark.parametrize('bad', [[0], [3, 4]])
def test_others_compute_the_files_of_exposed_workers(kind, bad):
    """Fails where files keep the holders of the design: copies go missing.
    """
    it = run(kind | {'collection': {'name': 'all'}},
             adversary=liars(*bad, files='all'))
    held = it.assembly.assignment.incidence
    for record in it.records[1:]:
        assert (record.copies == held.sum(axis=1)).all()
        assert record.files_certified == len(held)
        assert record.verdict is Outcome.CLEAN
    gained = it.records[-1].contributors & ~held
    assert kind is SUMS or gained[held[:, bad].any(axis=1)].any(axis=1).all()


def test_where_files_cannot_move_they_have_fewer_copies():
    """The code of `coded` belongs to the design."""
    it = run(SUMS | {'collection': {'name': 'all'}},
             transfer={'name': 'coded', 'challenge': True},
             adversary=liars(0, files='all'))
    held = it.assembly.assignment.incidence
    assert it.code == DONE
    for record in it.records[1:]:
        assert (record.copies == held[:, 1:].sum(axis=1)).all()


@KINDS
def test_every_worker_is_told_its_new_order_once(kind):
    """Fails where workers compute what they had, or are told each step."""
    it = run(kind, adversary=liars(0, files='all'))
    design, now = it.assembly.assignment.order, it.server._membership.order
    changed = (design != now).any(axis=1)
    assert changed[1:].any() and (now[0] == -1).all()
    for worker in range(1, 9):
        told = [it.server.down[step, 'Reorder', worker]
                for step in range(5)]
        assert told == [0, int(changed[worker]), 0, 0, 0]
        row = now[worker]
        assert it.workers[worker].files == row[row >= 0].tolist()


@KINDS
def test_orders_are_counted(kind):
    it = run(kind, adversary=liars(0, files='all'))
    for record in it.records[:-1]:
        assert [record.bytes_in, record.bytes_out, record.messages] == (
            it.server.totals[record.step])


@KINDS
def test_who_comes_back_is_told_its_own_order(kind):
    it = run(kind, steps=4, memory='window', detection={'window': 2},
             adversary=liars(0, files='all'))
    assert models(it, 0) == [0, 2]
    assert it.server.down[2, 'Reorder', 1] == (
        it.server.down[1, 'Reorder', 1])
    order = it.assembly.assignment.order[0]
    assert it.workers[0].files == order[order >= 0].tolist()


@KINDS
def test_the_log_knows_the_order_of_each_step(kind, tmp_path):
    """Fails where files that others have now are not written."""
    sections = job(kind, adversary=liars(0, files='all'))
    code, path = simulate(loading.from_tables(tables(**sections)),
                          out=tmp_path / 'run.h5')
    assert code == DONE
    now = Run(assembled(**sections)).server._membership.order
    with load_run(path) as log:
        assert np.array_equal(log.order_at(0), log.order)
        for step in range(1, 5):
            assert np.array_equal(log.order_at(step), now)
        assert np.array_equal(log.excluded[1:, 0], np.ones(4, dtype=bool))


# --- what exposures are worth ------------------------------------------

@KINDS
def test_when_all_q_are_exposed_one_copy_certifies(kind):
    """Fails where q is not lowered: then files need q + 1 copies."""
    it = run(kind | {'assignment': {'name': 'cyclic', 'load': 5},
                     'collection': {'name': 'coverage'}}, steps=12,
             detection={'budget': 'fixed'}, adversary=liars(0, 4,
                                                            files='all'))
    assert it.records[0].exposed[[0, 4]].all()
    for record in it.records[1:]:
        assert record.files_certified == 9
    assert any(record.copies.min() == 1 for record in it.records[1:])


@KINDS
def test_with_the_budget_of_a_step_others_may_be_wrong_later(kind):
    """Fails where q is lowered by liars of other steps."""
    it = run(kind | {'assignment': {'name': 'cyclic', 'load': 5},
                     'collection': {'name': 'coverage'}}, steps=12,
             detection={'budget': 'step'}, adversary=liars(0, 4,
                                                           files='all'))
    assert it.records[0].exposed[[0, 4]].all()
    for record in it.records[1:]:
        assert record.copies.min() >= 3
        assert record.files_certified == 9


@pytest.mark.parametrize('budget', ['step', 'fixed'])
def test_a_new_liar_after_all_q_were_exposed(budget):
    """With the budget of a step it is one of this step's q; with a fixed
    one it contradicts, and the run ends."""
    def between(worker, message):
        bad = worker == message.turn and worker < 2 or (
            worker == 2 and message.turn > 1)
        return spoiled(message) if bad else message
    it = run(REPLICAS, steps=8, detection={'budget': budget},
             scheme={'adversaries': 2 if budget == 'fixed' else 1},
             between=between)
    if budget == 'step':
        assert it.code == DONE and models(it, 2) == [0, 1, 2]
        assert not any(record.verdict is Outcome.CONTRADICTION
                       for record in it.records)
        return
    assert it.code == FAILED and len(it.records) == 5
    assert [record.verdict for record in it.records[2:]] == (
        [Outcome.CONTRADICTION] * 3)
    assert 'more workers than scheme.adversaries' in it.texts[-1]
    assert models(it, 2) == [0, 1, 2, 3, 4]


def test_more_exposed_than_can_be_wrong_end_the_run_with_a_sentence():
    """Where nothing is compared, no premise has failed before."""
    def between(worker, message):
        return spoiled(message) if worker < 2 else message
    it = Run(assembled(
        run={'steps': 5}, scheme={'adversaries': 1},
        transfer={'name': 'sums', 'challenge': False},
        detection={'name': 'none', 'memory': 'forever', 'budget': 'fixed'}),
        between=between)
    assert it.code == FAILED
    assert any('2 workers are exposed, more than scheme.adversaries = 1'
               in text and "detection.budget = 'step'" in text
               for text in it.texts)


def spoiled(message):
    """What no honest worker sends, instead of a message."""
    if isinstance(message, Replica):
        return replace(message, epoch=1)
    if isinstance(message, Progress):
        return replace(message, position=message.position + 1)
    return message


# --- what is learned ---------------------------------------------------

@KINDS
@pytest.mark.parametrize('budget', ['step', 'fixed'])
def test_a_malformed_message_is_a_proof_that_stands_alone(kind, budget):
    """Fails where only what the detector finds is learned."""
    def between(worker, message):
        bad = worker == 5 and not message.turn
        return spoiled(message) if bad else message
    it = run(kind, between=between, detection={'budget': budget})
    assert it.code == DONE and models(it, 5) == [0]
    assert all(record.exposed.nonzero()[0].tolist() == [5]
               for record in it.records)
    rows = [row for row in it.server._membership._memory.export()
            if not row.other]
    assert [(row.key, row.stands_alone, row.since) for row in rows] == [
        ('worker 5', True, 0)]
    assert 'malformed' in rows[0].sentence


def test_what_follows_from_the_budget_does_not_stand_alone():
    it = run(REPLICAS, adversary=liars(0, files='all'))
    row, = it.server._membership._memory.export()
    assert row.key == 'worker 0' and not row.stands_alone


@KINDS
def test_nothing_is_learned_in_a_contradiction(kind):
    """Fails where proofs of a step whose premise failed are kept."""
    def between(worker, message):
        bad = worker < 3 and not message.turn
        return spoiled(message) if bad else message
    it = run(kind, between=between, detection={'budget': 'fixed'})
    assert it.records[0].verdict is Outcome.CONTRADICTION
    assert it.code == DONE and not it.server._membership._memory.export()
    for worker in range(9):
        assert models(it, worker) == list(range(5))
    for record in it.records[1:]:
        assert record.verdict is Outcome.CLEAN
        assert not record.exposed.any()


def test_with_a_fixed_budget_disagreements_are_carried_over():
    """Two disagreements a step expose nobody; those of several steps do."""
    found = {}
    for budget in 'step', 'fixed':
        it = run(REPLICAS, steps=6, detection={'budget': budget},
                 adversary=liars(0, files='random', rate=0.02))
        found[budget] = [record.exposed[0] for record in it.records]
        assert not it.exposes_honest()
    assert sum(found['fixed']) > sum(found['step'])
