"""Whole runs with partial stragglers: exact sums, silence, closed forms."""

from itertools import product

import numpy as np
import pytest
from coded_jobs import (
    SILENCE, Run, assembled, at_rest, distance, initial, reference, run,
    sums, tables)
from test_simulated_runs import Lines

from aspis_mpi import config
from aspis_mpi.build import Assembly, simulate
from aspis_mpi.coding import combine, completion
from aspis_mpi.protocol.server import DONE, FAILED
from aspis_mpi.protocol.worker import State
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import BY_SERVER, CODED, Outcome

#: What ends a step only when the sum of all files can be had.
EXACT = ('partial', 'gradient-code', 'fractional-repetition', 'cyclic-mds',
         'ye-abbe', 'wait-for-all')
SLOW_NETWORK = {'latency': 0.2, 'bandwidth': 1000.0}


def _exact_schemes():
    """Sections of everything that must give the plain sum."""
    for name in EXACT:
        yield pytest.param(name, {}, id=name)
    for transfer, copies, thinning, skip in product(
            ('coded', 'sums'), (1, 2, 3), (False, True), (False, True)):
        yield pytest.param('partial', {
            'collection': {'copies': copies, 'thinning': thinning,
                           'skip_covered': skip},
            'transfer': {'name': transfer},
        }, id=f'{transfer}-{copies}{"-thin" * thinning}{"-skip" * skip}')
    for name in ('coverage', 'all', 'full-workers'):
        yield pytest.param('partial', {
            'assignment': {'name': 'random-regular', 'load': 4,
                           'order': 'random'},
            'collection': {'name': name, 'copies': 2}}, id=name)
    for collection in ({}, {'skip_covered': True}):
        yield pytest.param('partial', {
            'run': {'steps': 8}, 'assignment': {'reorder': 2},
            'collection': collection}, id=f'reorder-{len(collection)}')
    yield pytest.param('partial', {
        'assignment': {'name': 'repetition', 'replication': 3, 'load': 2},
        'collection': {'copies': 2}}, id='repetition')
    yield pytest.param('partial', {
        'collection': {'copies': 2},
        'transfer': {'matrix': 'gaussian'}}, id='gaussian')


EXACT_SCHEMES = list(_exact_schemes())


def made(name, sections, problem='quadratic'):
    """An `Assembly` on one of two problems."""
    job = tables(name, **sections)
    if problem != 'quadratic':
        job['problem'] = {'name': problem, 'batch_size': 31, 'micro_batch': 2}
    return Assembly(config.from_tables(job))


# --- exact collections -------------------------------------------------

@pytest.mark.parametrize('problem', ['quadratic', 'linear-regression'])
@pytest.mark.parametrize('network', [{}, SLOW_NETWORK],
                         ids=['instant', 'slow'])
@pytest.mark.parametrize('name, sections', EXACT_SCHEMES)
def test_the_decoded_gradient_is_the_plain_sum(name, sections, network,
                                               problem):
    """9 files of 3 and 4 samples, whoever finished them."""
    sections = sections | {'network': network}
    it = Run(made(name, sections, problem))
    plain = reference(made(name, sections, problem))
    assert it.code == DONE
    assert distance(it.values, plain) < 1e-5
    n_files = it.assembly.assignment.n_files
    for record in it.records:
        assert record.verdict is Outcome.CLEAN and not record.residual
        assert record.epochs == 1 and not record.files_missing
        assert record.copies.shape == (n_files,) and record.copies.all()
    assert at_rest(it.pools.payloads)


@pytest.mark.parametrize('sections', [
    {'transfer': {'name': 'sums'}},
    {'transfer': {'name': 'sums'}, 'collection': {'thinning': True}},
    # Every file has one or two finishers: halves are exact.
    {'assignment': {'load': 2}},
    {'collection': {'thinning': True}}], ids=str)
@pytest.mark.parametrize('seed', range(4))
def test_the_sum_is_exact_to_the_bit(sections, seed):
    sections = sections | {'run': {'steps': 6, 'seed': seed}}
    it = run('partial', **sections)
    plain = run('wait-for-all', run=sections['run'])
    assert np.array_equal(it.values.view('u4'), plain.values.view('u4'))


@pytest.mark.parametrize('seed', range(12))
def test_random_networks_and_delays_change_nothing(seed):
    """Random latency, bandwidth, delay and options; quadratic, exact."""
    rng = np.random.default_rng(seed)
    sections = {
        'run': {'steps': 5, 'seed': seed},
        'network': {'latency': float(rng.exponential(1.0)),
                    'bandwidth': float(10 ** rng.uniform(1.5, 5))},
        'delay': {'name': str(rng.choice(['pareto', 'uniform', 'none'])),
                  'silent': int(rng.integers(2))},
        'faults': {'silence': 500.0},
        'collection': {'copies': int(rng.integers(1, 3)),
                       'skip_covered': bool(rng.integers(2)),
                       'thinning': bool(rng.integers(2))},
        'transfer': {'name': str(rng.choice(['coded', 'sums']))}}
    job = tables('partial', **sections)
    job['delay'] = sections['delay']
    it = Run(Assembly(config.from_tables(job)))
    assert it.code == DONE
    plain = reference(Assembly(config.from_tables(job)))
    assert distance(it.values, plain) < 1e-5
    assert at_rest(it.pools.payloads)


def test_uneven_batches_of_any_size_are_right():
    for batch_size in (9, 10, 17, 40, 200):
        problem = {'batch_size': batch_size, 'micro_batch': 64}
        it = run('partial', problem=problem)
        assert distance(it.values, reference(
            assembled('partial', problem=problem))) < 1e-5


@pytest.mark.parametrize('skip', [False, True])
def test_reordering_is_announced_and_obeyed(skip):
    """Slow workers; a worker that went on in the old order were exposed."""
    it = run('partial', run={'steps': 9}, assignment={'reorder': 3},
             collection={'skip_covered': skip})
    changes = it.server.chronicle.reorderings
    assert [change.step for change in changes] == [3, 6]
    incidence = it.assembly.assignment.incidence
    for change in changes:
        for worker, row in enumerate(change.order):
            assert sorted(row[row >= 0]) == np.flatnonzero(
                incidence[:, worker]).tolist()
    assert not any(record.exposed.any() for record in it.records)
    assert [it.server.down[step, 'Reorder', 0] for step in range(9)] == [
        1, 0, 0, 1, 0, 0, 1, 0, 0]


def test_leaving_out_what_is_covered_saves_computing():
    delay = {'name': 'exponential', 'mean': 1.0, 'per': 'worker'}
    plain, skipping = (run('partial', run={'steps': 20}, delay=delay,
                           scheme={'workers': 30}, assignment={'load': 5},
                           problem={'batch_size': 60},
                           collection={'skip_covered': skip})
                       for skip in (False, True))
    assert np.array_equal(plain.values, skipping.values) or distance(
        plain.values, skipping.values) < 1e-5
    wait, done = ([sum(getattr(record, name).sum() for record in it.records)
                   for it in (plain, skipping)]
                  for name in ('seconds_wait', 'files_done'))
    assert wait[1] <= wait[0] and done[1] < done[0]
    messages = {kind for _, kind, _ in skipping.server.down}
    assert 'Skip' in messages


# --- bytes in any order ------------------------------------------------

class CodedLines(Lines):
    """Messages as bytes in random order, workers with buffers in sight."""

    def __init__(self, assembly, rng):
        super().__init__(assembly, rng)
        self.pools = [assembly.pools() for _ in self.workers]
        self.workers = [assembly.worker(number, lambda: 0.0, pools)
                        for number, pools in enumerate(self.pools)]


@pytest.mark.parametrize('seed', range(2))
@pytest.mark.parametrize('name, sections', EXACT_SCHEMES)
def test_bytes_in_any_order_give_the_plain_sum(name, sections, seed):
    job = tables(name, **sections)
    job['delay'] = {'name': 'none'}
    assembly = Assembly(config.from_tables(job))
    load = assembly.assignment.load
    lines = CodedLines(assembly, np.random.default_rng(seed))
    server = lines.run()
    assert server.exit_code == DONE
    assert {worker.state for worker in lines.workers} == {State.STOPPED}
    plain = reference(Assembly(config.from_tables(job)))
    assert distance(server.parameters.values, plain) < 1e-5
    assert not any(record.exposed.any()
                   for record in server.chronicle.records)
    for pool in (lines.incoming, lines.pool):
        assert at_rest(pool)
    for pools in lines.pools:
        assert at_rest(pools.gradients) and at_rest(pools.payloads)
        # What a worker keeps: its files, and vectors on their way.
        assert pools.gradients.made <= load and pools.payloads.made <= 2


# --- silence -----------------------------------------------------------

SILENT = [{'silent_after': 0}, {'silent_after': 1}, {'silent_after': 2},
          {'silent_after': 'encode'}]
every_silence = pytest.mark.parametrize(
    'silence', SILENT, ids=lambda silence: str(silence['silent_after']))
#: Schemes of load 3 that can do without two workers, and without one.
TOLERANT = [
    ('partial', {}), ('partial', {'collection': {'thinning': True}}),
    ('partial', {'collection': {'skip_covered': True}}),
    ('partial', {'collection': {'skip_covered': True, 'thinning': True},
                 'transfer': {'name': 'sums'}}),
    ('partial', {'transfer': {'name': 'sums'}}),
    ('partial', {'collection': {'name': 'full-workers'}}),
    ('gradient-code', {}), ('cyclic-mds', {}), ('fractional-repetition', {})]
FRAGILE = [('partial', {'collection': {'copies': 2}}), ('ye-abbe', {}),
           ('partial', {'assignment': {'load': 2}})]


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
    assembly = Assembly(config.from_tables(job))
    alone = np.flatnonzero(
        ~assembly.assignment.incidence[:, [0, 1, 5, 6, 7, 8]].any(axis=1))
    assert alone.size == 1
    out = tmp_path / 'run.h5'
    code, _ = simulate(config.from_tables(job), out=out)
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


def finished_at(record, assembly):
    """Who had finished what at the signal, from counts and orders."""
    finished = np.zeros(assembly.assignment.incidence.shape, dtype=bool)
    for worker, count in enumerate(record.files_done):
        finished[assembly.assignment.order[worker, :count], worker] = True
    return finished


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


# --- back-off and recall -----------------------------------------------

def test_a_silent_worker_is_left_out_for_longer_and_longer():
    it = run('partial', run={'steps': 24}, collection={
        'name': 'full-workers'}, assignment={'load': 1},
        delay={'silent': [3]}, faults={'approximate': True})
    asked = [record.step for record in it.records if not record.excluded[3]]
    assert asked == [0, 2, 5, 10, 19]
    for record in it.records:
        if record.excluded[3]:
            assert not it.server.down[record.step, 'Model', 3]
            assert record.seconds_wait < SILENCE


def test_a_worker_that_answers_again_starts_anew():
    """Silent in the first steps of every worker's own only."""
    it = run('partial', run={'steps': 12}, delay={
        'silent': 1, 'silent_after': 'encode'})
    left_out = sum(record.excluded.sum() for record in it.records)
    given_up = sum('was silent' in text for text in it.texts)
    assert given_up and left_out >= 1
    assert it.code == DONE


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


@pytest.mark.xfail(strict=True, reason='workers that are left out are only '
                   'asked again when a step begins, never when one turns '
                   'hopeless without them')
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
    slow = {'name': 'slow', 'seconds': 1.0, 'workers': [2, 5],
            'factor': 1000.0}
    job = tables('partial', run={'steps': 10}, assignment={'load': 1},
                 collection={'name': 'adaptive', 'deadline': 40.0})
    job['delay'] = slow
    try:
        assembly = Assembly(config.from_tables(job))
    except config.JobError:
        slow['mean'] = slow.pop('seconds')
        assembly = Assembly(config.from_tables(job))
    it = Run(assembly)
    assert it.code == DONE
    waits = [record.seconds_wait for record in it.records]
    assert waits[0] == 40.0 and max(waits[1:]) < 40.0
    for record in it.records:
        assert record.files_missing == 2
        assert record.residual == pytest.approx(np.sqrt(2))


# --- closed forms ------------------------------------------------------

@pytest.mark.parametrize('per', ['worker', 'file'])
@pytest.mark.parametrize('copies', [1, 2, 3])
@pytest.mark.parametrize('collection', ['coverage', 'full-workers'])
def test_the_simulator_meets_the_closed_forms(collection, copies, per):
    n = 100
    it = run('partial', run={'steps': n}, scheme={'workers': 12},
             assignment={'name': 'random-regular', 'load': 4},
             problem={'batch_size': 12, 'parameters': 3},
             collection={'name': collection, 'copies': copies},
             delay={'name': 'shifted-exponential', 'mean': 0.03, 'per': per})
    paces = np.array([it.assembly.delay.paces(step) for step in range(n)])
    form = (completion.coverage_seconds if collection == 'coverage'
            else completion.full_workers_seconds)
    expected = form(it.assembly.assignment, paces, copies)
    waits = np.array([record.seconds_wait for record in it.records])
    assert np.abs(waits - expected).max() < 1e-9
    assert not any(record.seconds_transfer for record in it.records)


@pytest.mark.parametrize('name', ['gradient-code', 'cyclic-mds', 'ye-abbe',
                                  'wait-for-all'])
def test_classical_codes_meet_the_closed_forms(name):
    n = 40
    it = run(name, run={'steps': n}, problem={'parameters': 4})
    paces = np.array([it.assembly.delay.paces(step) for step in range(n)])
    stragglers = {'gradient-code': 2, 'cyclic-mds': 2, 'ye-abbe': 1,
                  'wait-for-all': 0}[name]
    expected = completion.full_count_seconds(it.assembly.assignment, paces,
                                             stragglers)
    waits = np.array([record.seconds_wait for record in it.records])
    assert np.abs(waits - expected).max() < 1e-9


def test_dead_workers_are_those_of_the_closed_form():
    """Silent before the first file: an infinite time, nobody waits."""
    it = run('partial', run={'steps': 30}, delay={'silent': 2},
             faults={'silence': 1e6})
    paces = np.array([it.assembly.delay.paces(step) for step in range(30)])
    for step in range(30):
        paces[step][it.assembly.silence.members(step)] = np.inf
    expected = completion.coverage_seconds(it.assembly.assignment, paces)
    waits = np.array([record.seconds_wait for record in it.records])
    assert np.isfinite(expected).all()
    assert np.abs(waits - expected).max() < 1e-9
    assert it.texts == []


@pytest.mark.xfail(strict=True, reason='a worker that rests after its vector '
                   'leaves a file half-way at one virtual second, and '
                   'another begins it anew in the same shared buffer')
def test_files_computed_at_rest_are_right():
    """A second signal after a deadline asks for what came since."""
    job = tables(
        'partial', run={'steps': 1}, scheme={'workers': 8},
        assignment={'name': 'repetition', 'replication': 4, 'load': 4,
                    'order': 'random'},
        problem={'batch_size': 64}, collection={'name': 'deadline',
                                                'deadline': 0.0015})
    job['delay'] = {'name': 'constant', 'mean': 0.001, 'silent': [4],
                    'silent_after': 'encode'}
    it = Run(Assembly(config.from_tables(job)))
    (record,) = it.records
    assert record.epochs == 2
    assert max(it.gradients.values()) == 1
    plain = reference(Assembly(config.from_tables(job)),
                      [(record.copies > 0).astype(float)])
    assert distance(it.values, plain) < 1e-5


# --- what is computed and counted --------------------------------------

@pytest.mark.parametrize('sections', [
    {}, {'collection': {'skip_covered': True}}, {'network': SLOW_NETWORK},
    {'delay': {'silent': 1, 'silent_after': 'encode'}},
    {'delay': {'silent': 1, 'silent_after': 1}, 'network': SLOW_NETWORK},
    {'transfer': {'name': 'sums'}}], ids=str)
def test_each_gradient_is_computed_once(sections):
    it = run('partial', **sections)
    assert max(it.gradients.values()) == 1


def test_the_bytes_are_those_of_the_messages():
    for name, sections in TOLERANT + [('wait-for-all', {})]:
        it = run(name, assignment={'order': 'natural'}, run={'steps': 5},
                 delay={'silent': int(name != 'wait-for-all'),
                        'silent_after': 'encode'}, **sections)
        for record in it.records:
            assert [record.bytes_in, record.bytes_out, record.messages] == (
                it.server.totals[record.step]), (name, sections)


@pytest.mark.xfail(strict=True, reason='Reorder is sent without being '
                   'counted in bytes_out and messages')
def test_orders_that_are_sent_are_counted():
    it = run('partial', assignment={'reorder': 2})
    for record in it.records:
        assert [record.bytes_in, record.bytes_out, record.messages] == (
            it.server.totals[record.step])


@pytest.mark.parametrize('transfer', ['coded', 'sums'])
@pytest.mark.parametrize('network', [{}, SLOW_NETWORK],
                         ids=['instant', 'slow'])
def test_the_facts_of_a_run(tmp_path, transfer, network):
    job = tables('partial', transfer={'name': transfer}, network=network,
                 run={'steps': 6})
    it = Run(Assembly(config.from_tables(job)))
    out = tmp_path / 'run.h5'
    assert simulate(config.from_tables(job), out=out)[0] == DONE
    with load_run(out) as log:
        steps, source = log.steps, log.source
        copies, contributors = log.copies, log.contributors
        done, last = log.files_done, log.read('last_report')
    for record in it.records:
        t, finished = record.step, finished_at(record, it.assembly)
        assert np.array_equal(done[t], record.files_done)
        assert np.array_equal(copies[t], finished.sum(axis=1))
        assert not (contributors[t] & ~finished).any()
        if transfer == 'coded':
            assert (source[t] == CODED).all()
            assert np.array_equal(contributors[t], finished)
        else:
            assert finished[np.arange(9), source[t]].all()
            assert (contributors[t].sum(axis=1) == 1).all()
            assert contributors[t][np.arange(9), source[t]].all()
        assert BY_SERVER not in source[t]
        senders = contributors[t].any(axis=0)
        payload = 64 + 4 * 13
        # Twice the latency, the signal, and the vectors one by one.
        took = network and 0.4 + (64 + 11 + 18
                                  + senders.sum() * payload) / 1000
        assert steps['seconds_transfer'][t] == pytest.approx(took or 0)
        if not network:
            assert steps['seconds_wait'][t] == np.nanmax(last[t])
        assert steps['seconds_step'][t] == pytest.approx(
            steps['seconds_wait'][t] + steps['seconds_transfer'][t])
        assert steps['epochs'][t] == 1 and not steps['residual'][t]
        assert steps['n_flagged'][t] == 0


def test_a_repeated_run_has_equal_bits():
    sections = {'network': SLOW_NETWORK, 'collection': {'copies': 2},
                'delay': {'silent': 1, 'silent_after': 'encode'}}
    one, two = (run('partial', **sections) for _ in range(2))
    assert np.array_equal(one.values.view('u4'), two.values.view('u4'))
    assert one.clock.now == two.clock.now
    assert one.server.down == two.server.down


def test_memory_is_flat_over_many_steps():
    it = run('partial', run={'steps': 300}, network=SLOW_NETWORK, delay={
        'silent': 1, 'silent_after': 'encode'})
    assert it.code == DONE
    assert it.pools.payloads.made <= 3 * 9
    assert at_rest(it.pools.payloads)
