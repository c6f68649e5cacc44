"""Whole runs with partial stragglers: exact sums, closed forms, counts."""

from itertools import product

import numpy as np
import pytest

from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.coding import completion
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from aspis_mpi.protocol.worker.states import State
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import BY_SERVER, CODED, Outcome
from tests.support.coded_jobs import (
    SLOW_NETWORK, TOLERANT, Run, assembled, at_rest, distance, finished_at,
    reference, run, tables)
from tests.support.shuffled_lines import Lines

#: What ends a step only when the sum of all files can be had.
EXACT = ('partial', 'gradient-code', 'fractional-repetition', 'cyclic-mds',
         'ye-abbe', 'wait-for-all')


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
    return Assembly(loading.from_tables(job))


# --- exact collections -------------------------------------------------

@pytest.mark.parametrize('problem, network', [
    ('quadratic', {}), ('linear-regression', SLOW_NETWORK)],
    ids=['instant', 'slow'])
@pytest.mark.parametrize('name, sections', EXACT_SCHEMES)
def test_the_decoded_gradient_is_the_plain_sum(name, sections, problem,
                                               network):
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
    it = Run(Assembly(loading.from_tables(job)))
    assert it.code == DONE
    plain = reference(Assembly(loading.from_tables(job)))
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
    changes = it.server.notes.reorderings
    assert [change.step for change in changes] == [3, 6]
    incidence = it.assembly.assignment.incidence
    for change in changes:
        for worker, row in enumerate(change.order):
            assert sorted(row[row >= 0]) == np.flatnonzero(
                incidence[:, worker]).tolist()
    assert not any(record.exposed.any() for record in it.records)
    orders = [it.assembly.assignment.order,
              *(change.order for change in changes)]
    for worker in range(9):
        told = [it.server.down[step, 'Reorder', worker] for step in range(9)]
        news = [int((a[worker] != b[worker]).any())
                for a, b in zip(orders, orders[1:])]
        assert told == [1, 0, 0, news[0], 0, 0, news[1], 0, 0]


def test_leaving_out_what_is_covered_saves_computing():
    delay = {'name': 'exponential', 'mean': 1.0, 'per': 'worker'}
    plain, skipping = (run('partial', run={'steps': 20}, delay=delay,
                           scheme={'workers': 30}, assignment={'load': 5},
                           problem={'batch_size': 60},
                           collection={'skip_covered': skip})
                       for skip in (False, True))
    assert distance(plain.values, skipping.values) < 1e-5
    wait, done = ([sum(np.sum(getattr(record, name)) for record in it.records)
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


@pytest.mark.parametrize('name, sections', EXACT_SCHEMES)
def test_bytes_in_any_order_give_the_plain_sum(name, sections):
    job = tables(name, **sections)
    job['delay'] = {'name': 'none'}
    assembly = Assembly(loading.from_tables(job))
    load = assembly.assignment.load
    lines = CodedLines(assembly, np.random.default_rng(3))
    server = lines.run()
    assert server.exit_code == DONE
    assert {worker.state for worker in lines.workers} == {State.STOPPED}
    plain = reference(Assembly(loading.from_tables(job)))
    assert distance(server.parameters.values, plain) < 1e-5
    assert not any(record.exposed.any()
                   for record in server.notes.records)
    for pool in (lines.incoming, lines.pool):
        assert at_rest(pool)
    for pools in lines.pools:
        assert at_rest(pools.gradients) and at_rest(pools.payloads)
        # What a worker keeps: its files, and vectors on their way.
        assert pools.gradients.made <= load and pools.payloads.made <= 2


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
    it = Run(Assembly(loading.from_tables(job)))
    (record,) = it.records
    assert record.epochs == 2
    assert max(it.gradients.values()) == 1
    plain = reference(Assembly(loading.from_tables(job)),
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
    it = Run(Assembly(loading.from_tables(job)))
    out = tmp_path / 'run.h5'
    assert simulate(loading.from_tables(job), out=out)[0] == DONE
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
        # Twice the latency, the signal (27 bits of who finished what, or
        # none; the owners of 9 files), and the vectors one by one.
        signal = 64 + 4 * (transfer == 'coded') + 18
        took = network and 0.4 + (signal + senders.sum() * payload) / 1000
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
