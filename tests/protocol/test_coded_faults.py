"""Silent workers and deadlines: what they cost, and what they do not."""

import numpy as np
import pytest

from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.coding import combine, completion
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.job import loading
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import Outcome
from tests.support.coded_jobs import (
    FRAGILE, SILENCE, SLOW_NETWORK, TOLERANT, Run, assembled, at_rest,
    distance, finished_at, initial, reference, run, sums, tables)

# --- silence -----------------------------------------------------------

SILENT = [{'silent_after': 0}, {'silent_after': 1}, {'silent_after': 2},
          {'silent_after': 'encode'}]
every_silence = pytest.mark.parametrize(
    'silence', SILENT, ids=lambda silence: str(silence['silent_after']))


@every_silence
@pytest.mark.parametrize('network', [{}, SLOW_NETWORK],
                         ids=['instant', 'slow'])
@pytest.mark.parametrize('name, sections', TOLERANT + FRAGILE, ids=str)
def test_one_silent_worker_costs_time_and_nothing_else(name, sections,
                                                       silence, network):
    silent = [4] if (name, sections) in FRAGILE else 1
    sections = sections | {'run': {'steps': 6}, 'network': network}
    it = run(name, delay={'silent': silent} | silence, **sections)
    assert it.code == DONE
    assert distance(it.values, reference(assembled(name, **sections))) < 1e-5
    assert all(record.verdict is Outcome.CLEAN for record in it.records)
    assert at_rest(it.pools.payloads)
    silent = it.assembly.silence
    for record in it.records:
        number = record.step
        member = int(np.flatnonzero(silent.members(number))[0])
        # Nobody else was ever given up, and that one only once.
        named = [text for text in it.texts if f'in step {number} ' in text]
        assert all(f'worker {member} was silent for {SILENCE:g} s'
                   in text for text in named) and len(named) <= 1
        asked = it.server.down[number, 'Encode', member] > 0
        sent = it.server.up[number, 'CodedGradient', member] > 0
        if asked and not sent:
            assert len(named) == 1 and 'and the signal' in named[0]
            assert record.epochs == 2
            assert record.seconds_transfer > SILENCE - 1e-9
        if not asked and not named:
            assert record.epochs == 1


@pytest.mark.parametrize('name, sections', TOLERANT + FRAGILE, ids=str)
def test_only_those_with_other_coefficients_send_again(name, sections):
    """One that was asked for its vector never sends it."""
    sections = sections | {'run': {'steps': 1}}
    calm = run(name, **sections)
    gone = calm.server.asked[len(calm.server.asked) // 2][2]
    it = run(name, delay={'silent': [gone], 'silent_after': 'encode'},
             **sections)
    (record,) = it.records
    first = {worker for _, epoch, worker in it.server.asked if not epoch}
    again = {worker for _, epoch, worker in it.server.asked if epoch}
    assert record.epochs == 2 and gone in first - again
    for worker in range(9):
        assert it.server.up[0, 'CodedGradient', worker] == (
            (worker in first and worker != gone) + (worker in again))
    # Nobody but who was new, or held a file of the one that is gone.
    incidence = it.assembly.assignment.incidence
    shared = incidence[incidence[:, gone]].any(axis=0)
    assert all(shared[worker] for worker in again & first)


def test_who_is_asked_again_is_who_held_a_file_with_the_silent_one():
    """Cyclic, 30 workers: at most its 4 neighbours."""
    it = run('partial', run={'steps': 3}, scheme={'workers': 30},
             problem={'batch_size': 60}, delay={
                 'silent': [12], 'silent_after': 'encode'})
    again = {worker for _, epoch, worker in it.server.asked if epoch}
    assert again and again <= {10, 11, 13, 14}


def test_a_lost_worker_brings_back_what_others_left_out():
    """Skipped files are wanted again when the only finisher is lost."""
    for seed in range(6):
        sections = {'run': {'steps': 5, 'seed': seed},
                    'collection': {'skip_covered': True}}
        it = run('partial', delay={'silent': [0, 4],
                                   'silent_after': 'encode'}, **sections)
        assert it.code == DONE
        assert distance(it.values,
                        reference(assembled('partial', **sections))) < 1e-5


UNCOVERABLE = {'silent': [2, 3, 4], 'silent_from': 2}


@pytest.mark.parametrize('after', [0, 'encode'])
@pytest.mark.parametrize('transfer', ['coded', 'sums'])
def test_a_file_that_nobody_can_finish_ends_the_run(tmp_path, transfer,
                                                    after):
    """Workers 2, 3 and 4 of cyclic load 3 are all holders of one file."""
    job = tables('partial', transfer={'name': transfer},
                 delay=UNCOVERABLE | {'silent_after': after})
    assembly = Assembly(loading.from_tables(job))
    alone = np.flatnonzero(
        ~assembly.assignment.incidence[:, [0, 1, 5, 6, 7, 8]].any(axis=1))
    assert alone.size == 1
    out = tmp_path / 'run.h5'
    code, _ = simulate(loading.from_tables(job), out=out)
    assert code == FAILED
    with load_run(out) as log:
        assert log.n_steps == 2
        assert (log.steps['verdict'] == Outcome.CLEAN).all()
        last = log.events[-1].text
    assert f'file {alone[0]} ' in last and '[2, 3, 4]' in last
    assert 'step 2 ' in last and 'faults.approximate' in last


def test_classical_codes_end_when_too_many_are_silent():
    it = run('gradient-code', delay={'silent': [1, 4, 6], 'silent_from': 1})
    assert it.code == FAILED and len(it.records) == 1
    assert 'cannot be decoded' in it.texts[-1]


@pytest.mark.parametrize('after', [0, 'encode'])
@pytest.mark.parametrize('sections', [
    {}, {'transfer': {'name': 'sums'}},
    {'collection': {'thinning': True}},
    {'collection': {'skip_covered': True}}], ids=str)
def test_an_approximate_run_goes_on_without_the_file(sections, after):
    sections = sections | {'faults': {'approximate': True}}
    it = run('partial', delay=UNCOVERABLE | {'silent_after': after},
             **sections)
    assert it.code == DONE
    incidence = it.assembly.assignment.incidence
    alone = int(np.flatnonzero(~incidence[:, [0, 1, 5, 6, 7, 8]]
                               .any(axis=1))[0])
    shares = [np.ones(9) for _ in it.records]
    for record in it.records:
        if record.step < 2:
            assert record.verdict is Outcome.CLEAN
            continue
        shares[record.step][alone] = 0
        assert record.verdict is Outcome.INCOMPLETE
        assert record.residual == 1.0 and record.files_missing == 1
        assert record.source[alone] == -2 and not record.copies[alone]
        assert not record.contributors[alone].any()
    plain = reference(assembled('partial', **sections), shares)
    assert distance(it.values, plain) < 1e-5


def test_approximate_classical_codes_use_what_they_can():
    """Tandon with 3 of at most 2 lost: the nearest sum, its divisor."""
    sections = {'faults': {'approximate': True}}
    it = run('gradient-code', delay={'silent': [1, 4, 6]}, **sections)
    assert it.code == DONE
    shares = []
    for record in it.records:
        state = it.assembly.assignment.incidence.copy()
        full = record.files_done == 3
        full[[1, 4, 6]] = False
        decoding = it.assembly.code.decoding(state & full)
        assert record.residual == pytest.approx(decoding.residual)
        assert record.residual > 0.1
        assert record.verdict is Outcome.INCOMPLETE
        shares.append(decoding.cover)
    plain = reference(assembled('gradient-code', **sections), shares)
    assert distance(it.values, plain) < 1e-5


def test_everybody_silent_ends_even_an_approximate_run():
    for approximate in (False, True):
        it = run('partial', faults={'approximate': approximate},
                 delay={'silent': 9, 'silent_from': 1})
        assert it.code == FAILED
        assert it.clock.now < 3 * SILENCE
        assert len(it.records) == 1 + approximate
    assert it.records[-1].verdict is Outcome.SKIPPED
    assert 'no worker answers' in it.texts[-1]


# --- accounts and recall -----------------------------------------------

def test_a_silent_worker_is_left_out_when_it_has_cost_too_much():
    it = run('partial', run={'steps': 24}, collection={
        'name': 'full-workers'}, assignment={'load': 1},
        delay={'silent': [3]}, faults={'approximate': True})
    asked = [record.step for record in it.records if not record.excluded[3]]
    assert asked == [0, 1, 2]
    for record in it.records:
        if record.excluded[3]:
            assert not it.server.down[record.step, 'Model', 3]
            assert record.seconds_wait < SILENCE


class Scripted:
    """Who answers no signal in which step.

    Parameters
    ----------
    steps : dict of int to int
    """

    def __init__(self, steps):
        self._steps = steps

    def files(self, step, worker):
        return None

    def mute(self, step, worker):
        return self._steps.get(step) == worker


@pytest.mark.parametrize('steps', [(0, 1, 2), (0, 2, 5), (0, 3, 6), (1, 7, 8)],
                         ids=str)
def test_a_worker_that_answers_in_between_has_cost_no_less(steps):
    """Fails where a good step wipes out what went before."""
    sections = {'run': {'steps': 11}, 'collection': {'name': 'all'}}
    assembly = assembled('partial', **sections)
    assembly.silence = Scripted(dict.fromkeys(steps, 3))
    it = Run(assembly)
    assert it.code == DONE and len(it.texts) == 4
    for step, text in zip(steps, it.texts):
        assert f'in step {step} ' in text
    assert it.texts[3].startswith('worker 3 has cost the run 150 s')
    assert [record.step for record in it.records
            if record.excluded[3]] == [*range(steps[-1] + 1, 11)]
    assert not any(record.excluded[[0, 1, 2, 4, 5, 6, 7, 8]].any()
                   for record in it.records)
    assert distance(it.values,
                    reference(assembled('partial', **sections))) < 1e-5


@pytest.mark.parametrize('name, sections', [FRAGILE[0], FRAGILE[2]], ids=str)
def test_those_left_out_are_asked_again_when_nothing_goes_without_them(
        name, sections):
    """Worker 3 is silent once; in the next step worker 4 is: 3 answers."""
    sections = sections | {'run': {'steps': 4}, 'collection': sections.get(
        'collection', {}) | {'name': 'all'}}
    assembly = assembled(name, **sections)
    assembly.silence = Scripted({0: 3, 1: 4})
    it = Run(assembly)
    assert it.records[0].epochs == 2 and it.server.step > 0
    assert it.code == DONE
    assert distance(it.values, reference(assembled(name, **sections))) < 1e-5


# --- deadlines ---------------------------------------------------------

def step_error(it, record, copies):
    """Squared-coefficient error from who had finished what."""
    copies_of = finished_at(record, it.assembly).sum(axis=1)
    assert np.array_equal(copies_of, record.copies)
    return np.sqrt(np.maximum(0, copies - copies_of).sum())


@pytest.mark.parametrize('copies', [1, 2, 3])
@pytest.mark.parametrize('deadline', [0.2, 0.6, 1.5, 9.0])
@pytest.mark.parametrize('per', ['file', 'worker'])
def test_a_deadline_leaves_the_error_of_the_closed_form(copies, deadline,
                                                        per):
    it = run('partial', run={'steps': 20}, delay={'per': per},
             collection={'name': 'deadline', 'copies': copies,
                         'deadline': deadline})
    assert it.code == DONE
    paces = np.array([it.assembly.delay.paces(step) for step in range(20)])
    error = completion.coefficient_error(it.assembly.assignment, paces,
                                         copies, deadline)
    covered = completion.coverage_seconds(it.assembly.assignment, paces,
                                          copies)
    for record in it.records:
        step = record.step
        assert record.residual == pytest.approx(error[step], abs=1e-9)
        assert record.residual == pytest.approx(
            step_error(it, record, copies), abs=1e-9)
        assert record.seconds_wait == pytest.approx(
            min(deadline, covered[step]), abs=1e-9)
        assert record.seconds_wait < deadline + 1e-9
        assert (record.verdict is Outcome.CLEAN) == (not error[step])
        assert record.files_missing == (record.copies == 0).sum()


def test_a_deadline_divides_by_what_was_covered():
    """One copy: the files that are there, and their samples, count."""
    section = {'collection': {'name': 'deadline', 'deadline': 0.4}}
    it = run('partial', run={'steps': 8}, **section)
    shares = [(record.copies > 0).astype(float) for record in it.records]
    assert 0 < np.mean(shares) < 1
    plain = reference(assembled('partial', run={'steps': 8}, **section),
                      shares)
    assert distance(it.values, plain) < 1e-5


@pytest.mark.parametrize('copies', [2, 3])
def test_an_approximate_step_of_parts_is_the_projected_sum(copies):
    """Fewer finishers than copies: the least-squares projection, by hand."""
    section = {'run': {'steps': 1},
               'collection': {'name': 'deadline', 'deadline': 0.5,
                              'copies': copies}}
    it, fresh = run('partial', **section), assembled('partial', **section)
    (record,) = it.records
    before = initial(fresh)
    gradients = sums(fresh, 0, before)
    d = gradients.shape[1]
    size = combine.payload_size(d, copies)
    parts = np.zeros((9, copies, size))
    parts.reshape(9, -1)[:, :d] = gradients
    total = np.zeros((copies, size))
    matrix = fresh.code.matrix
    for file, state in enumerate(finished_at(record, it.assembly)):
        r = matrix[:, state]
        total += r @ np.linalg.pinv(r) @ parts[file]
    cover = np.minimum(1, record.copies / copies)
    mean = total.reshape(-1)[:d] / (cover @ fresh.batches.counts)
    after = np.empty_like(before)
    fresh.optimizer.update(0, before, mean.astype(np.float32), after)
    assert record.verdict is Outcome.INCOMPLETE
    assert distance(it.values, after) < 1e-5


def test_nothing_finished_at_the_deadline_skips_the_step():
    it = run('partial', collection={'name': 'deadline', 'deadline': 1e-9})
    assert it.code == DONE
    for record in it.records:
        assert record.verdict is Outcome.SKIPPED
        assert record.files_missing == 9 and record.residual == 3.0
        assert (record.source == -2).all() and not record.contributors.any()
        assert record.seconds_wait == pytest.approx(1e-9)
    start = assembled('partial')
    assert np.array_equal(it.values, reference(
        start, [np.zeros(9)] * start.job.run.steps))
    assert not any(kind == 'Encode' for _, kind, _ in it.server.down)


@pytest.mark.parametrize('code', ['tandon', 'least-squares'])
def test_a_deadline_with_codes_of_whole_workers(code):
    it = run('partial', run={'steps': 12}, transfer={
        'name': 'coded', 'code': code} | (
            {'matrix': 'structured'} if code == 'least-squares' else {}),
        collection={'name': 'deadline', 'deadline': 2.0})
    assert it.code == DONE
    whole = code == 'tandon'
    outcomes = {record.verdict for record in it.records}
    assert outcomes & {Outcome.INCOMPLETE, Outcome.CLEAN}
    for record in it.records:
        assert record.seconds_wait < 2.0 + 1e-9
        if not whole:
            continue
        full = record.files_done == 3
        expected = it.assembly.code.decoding(
            it.assembly.assignment.incidence & full)
        assert record.residual == pytest.approx(expected.residual, abs=1e-6)


def test_an_adaptive_deadline_cuts_off_the_slow_and_not_the_bulk():
    job = tables('partial', run={'steps': 10}, assignment={'load': 1},
                 collection={'name': 'adaptive', 'deadline': 40.0})
    job['delay'] = {'name': 'slow', 'mean': 1.0, 'workers': [2, 5],
                    'factor': 1000.0}
    it = Run(Assembly(loading.from_tables(job)))
    assert it.code == DONE
    waits = [record.seconds_wait for record in it.records]
    assert waits[0] == 40.0 and max(waits[1:]) < 40.0
    for record in it.records:
        assert record.files_missing == 2
        assert record.residual == pytest.approx(np.sqrt(2))
