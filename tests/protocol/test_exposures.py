"""Who was proved wrong, by which kind of proof and since when, as logged."""

from dataclasses import replace

import numpy as np
import pytest
from aspis_mpi import load_run, simulate
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.errors import DONE
from aspis_mpi.protocol.messages import Replica
from aspis_mpi.schemes.events import EventCode
from tests.support.challenged_jobs import Run, assembled, liars

REPLICAS = {'assignment': {'name': 'subset'}, 'collection': {'name': 'all'},
            'transfer': {'name': 'replicas', 'challenge': False}}
SUMS = {'transfer': {'name': 'sums', 'challenge': True}}
#: Jobs of nine workers in which each kind of proof is found, and others.
JOBS = {
    ProofKind.DISAGREEMENTS: REPLICAS | {
        'adversary': liars(0, 4, files='random', rate=0.02),
        'detection': {'budget': 'fixed', 'memory': 'window', 'window': 6}},
    ProofKind.AUDIT: REPLICAS | {
        'scheme': {'adversaries': 3},
        'adversary': liars(0, 1, 5, files='random'),
        'detection': {'audits': 'contested'}},
    ProofKind.SKETCHES: SUMS | {
        'adversary': liars(1, 7, protocol='payloads'),
        'detection': {'memory': 'window', 'window': 3}},
}
STEPS = 14


@pytest.fixture(params=JOBS, ids=[kind.word for kind in JOBS])
def logged(request, tmp_path):
    """A kind of proof, and the log of a run that finds such proofs."""
    job = assembled(**JOBS[request.param], run={'steps': STEPS}).job
    code, path = simulate(job, out=tmp_path / 'run.h5')
    assert code == DONE
    with load_run(path) as run:
        yield request.param, run


def test_each_kind_of_proof_has_its_rows(logged):
    kind, run = logged
    assert kind in {it.proof for it in run.exposures}
    steps = [it.step for it in run.exposures]
    assert steps == sorted(steps) and len(set(steps)) > 1


def test_who_begins_to_be_exposed_has_a_row(logged):
    """And no row is of somebody who is not exposed, or is honest."""
    _, run = logged
    before = np.vstack([np.zeros((1, run.n_workers), bool), run.exposed[:-1]])
    rows = {(it.step, it.worker) for it in run.exposures}
    begins = {tuple(pair) for pair in np.argwhere(run.exposed & ~before)}
    assert begins and begins <= rows
    assert all(run.exposed[pair] and run.adversaries[pair] for pair in rows)


def test_it_was_wrong_in_some_step_since_then(logged):
    """That is what the row says, and the truth of the log agrees."""
    kind, run = logged
    wrong = run.lied | run.payload_lies
    for it in run.exposures:
        assert 0 <= it.since <= it.step
        assert wrong[it.since:it.step + 1, it.worker].any(), it
        assert it.since == it.step or it.proof is ProofKind.DISAGREEMENTS
    carried = any(it.since < it.step for it in run.exposures)
    assert carried == (kind is ProofKind.DISAGREEMENTS)


def test_the_sentence_is_that_of_the_event(logged):
    _, run = logged
    told = {(event.rank - 1, event.text) for event in run.events
            if event.code is EventCode.EXPOSED}
    assert told and told <= {(it.worker, it.text) for it in run.exposures}


def test_a_proof_is_not_repeated_as_long_as_each_step_has_one(logged):
    _, run = logged
    rows = {(it.step, it.worker, it.proof) for it in run.exposures}
    assert len(rows) == len(run.exposures)
    assert not any((it.step - 1, it.worker, it.proof) in rows
                   for it in run.exposures)


def test_a_malformed_message_is_a_proof_of_its_step():
    """A second one in a row is not repeated, the next one after that is."""
    def between(worker, message):
        bad = worker == 5 and message.turn in (0, 1, 3) and isinstance(
            message, Replica)
        return replace(message, epoch=1) if bad else message
    it = Run(assembled(**REPLICAS, run={'steps': 5}), between=between)
    notes = it.server.notes
    assert [(row.step, row.since, row.worker, row.proof)
            for row in notes.exposures] == [
        (0, 0, 5, ProofKind.MALFORMED), (3, 3, 5, ProofKind.MALFORMED)]
    assert [record.exposed[5] for record in it.records] == [
        True, True, False, True, False]
    assert notes.exposures[1].text.startswith(
        'step 3: worker 5 sent a malformed message: ')


def test_rows_of_a_worker_that_is_exposed_begin_with_its_row(tmp_path):
    """An exposure of before is in the rows of a part, without a proof."""
    job = assembled(**SUMS, adversary=liars(1, files='all'),
                    run={'steps': 4}, detection={'memory': 'forever'}).job
    log = tmp_path / 'run.h5'
    simulate(job, out=log)
    longer = replace(job, run=job.run.model_copy(update={'steps': 8}))
    assert simulate(longer, out=log, resume=True)[0] == DONE
    with load_run(log) as run:
        assert run.exposed[:, 1].all() and run.n_steps == 8
        first, = run.exposures
        assert (first.step, first.worker) == (0, 1)
