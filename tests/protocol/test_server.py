"""The parameter server by itself: messages in, messages out."""


import numpy as np
import pytest

from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.protocol.buffers import HEADER_BYTES
from aspis_mpi.protocol.messages import (
    FROM_SERVER, FROM_WORKER, Failure, Model, Parameters, Progress,
    Replica, Signal, Vector)
from aspis_mpi.protocol.server.machine import ParameterServer
from aspis_mpi.protocol.server.states import State
from aspis_mpi.schemes.record import Outcome
from tests.support.replica_bench import (
    ReplicaBench, a_little_off, check_end, not_finite, reversed_)

MESSAGES = {**FROM_SERVER, **FROM_WORKER}.values()


# --- a step ------------------------------------------------------------

def test_a_step_begins_with_model_and_parameters_to_everybody(bench):
    it = bench()
    assert [(worker, type(message)) for worker, message in it.started] == [
        (worker, cls) for worker in it.everybody
        for cls in (Model, Parameters)]
    for _, message in it.started:
        assert message.turn == 0
        if isinstance(message, Model):
            assert message.excluded == bytes(1)
        else:
            assert message.buffer is it.server.parameters


def test_the_next_step_begins_when_everything_is_there(bench):
    it = bench(aggregation={'name': 'mean'})
    before = it.values.copy()
    for worker in range(4):
        assert it.finish(worker) == []
    last = int(it.assignment.loads[4]) - 1
    for position in range(last):
        assert it.send(4, position) == []
    out = it.send(4, last)
    assert {message.turn for _, message in out} == {1}
    assert not np.array_equal(it.values, before)
    assert it.last.verdict is Outcome.CLEAN


def test_the_update_is_the_optimizers_on_the_mean_gradient(bench):
    it = bench(aggregation={'name': 'mean'},
               optimizer={'lr': 0.25, 'momentum': 0.0})
    batch = it.assembly.batches.batch(0)
    total = np.zeros(it.assembly.d, dtype=np.float32)
    it.assembly.problem.gradient(it.values, batch, total)
    expected = it.values - 0.25 * (total / len(batch))
    it.play()
    assert np.allclose(it.values, expected, rtol=1e-6)


def test_the_order_of_arrival_changes_no_bit(bench):
    """Not even where files are dropped and means of buckets are taken."""
    found = []
    for seed in range(4):
        it = bench()
        owed = [(worker, position) for worker in it.everybody
                for position in range(it.assignment.loads[worker])]
        rng = np.random.default_rng(seed)
        next_one = dict.fromkeys(it.everybody, 0)
        for pick in rng.permutation([worker for worker, _ in owed]).tolist():
            it.send(pick, next_one[pick], reversed_ if pick == 2 else None)
            next_one[pick] += 1
        assert it.server.step == 1
        found.append(it.values.copy())
    for other in found[1:]:
        assert np.array_equal(found[0].view('u4'), other.view('u4'))


def test_the_last_step_ends_the_run(bench):
    it = bench(run={'steps': 2})
    it.play()
    check_end(it.play(), DONE)
    assert it.server.exit_code == DONE and it.server.state is State.STOPPED
    assert [record.step for record in it.server.records] == [0, 1]


def test_what_a_record_counts(bench):
    it = bench()
    it.clock.now = 1.0
    it.finish(0)
    it.clock.now = 1.5
    it.play(absent=[0])
    load, d = it.assignment.load, it.assembly.d
    record = it.last
    assert record.bytes_in == 5 * load * (HEADER_BYTES + 4 * d)
    assert record.bytes_out == 5 * (2 * HEADER_BYTES + 1 + 4 * d)
    assert record.messages == 5 * load + 2 * 5
    assert record.files_done.tolist() == [load] * 5
    assert record.copies.tolist() == [3] * it.assignment.n_files
    assert record.first_report.tolist() == [1.0] + [1.5] * 4
    assert record.last_report.tolist() == [1.0] + [1.5] * 4
    assert record.seconds_wait == record.seconds_step == 1.5
    assert not record.flagged.any() and not record.exposed.any()
    assert record.source.tolist() == it.assignment.holders[:, 0].tolist()
    assert np.array_equal(record.contributors, it.assignment.incidence)


# --- it never raises ---------------------------------------------------

@pytest.mark.parametrize('cls', MESSAGES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize('state', [state for state in State
                                   if state is not State.PROBING])
def test_any_message_in_any_state(bench, state, cls):
    """From workers that are at work, done, exposed or without work."""
    it = bench(run={'steps': 9})
    it.play(absent=[4])                     # 4 is left out of the next step
    it.server.malformed(3, 'test')
    it.finish(2)
    it.send(1, 0)
    if state is State.STOPPED:
        it.server.stop(FAILED, 'test')
    else:
        it.server._step.state = state
    extremes = [-2 ** 63, -1, 0, 1, 2, 2 ** 63 - 1]
    for worker in it.everybody:
        for step in extremes:
            for number in (-2 ** 31, -1, 0, 1, 6, 2 ** 31 - 1):
                more = ({'buffer': it.incoming.take()}
                        if issubclass(cls, Vector) else {})
                out = ParameterServer.handle(
                    it.server, worker, cls(step, number, number, **more))
                assert isinstance(out, list)
                if cls not in (Failure, Replica, Signal):
                    assert out == []
    if cls is Failure and state is not State.STOPPED:
        assert it.server.exit_code == FAILED
    # All dropped vectors share one buffer; the table keeps two workers'.
    assert it.incoming.made <= 4 * it.assignment.load + 2


def test_only_replicas_and_failures_are_believed(bench):
    """What may come with other transfers is dropped without a trace."""
    it = bench()
    for cls in MESSAGES:
        if cls not in (Replica, Failure):
            more = ({'buffer': it.incoming.take()}
                    if issubclass(cls, Vector) else {})
            assert it.server.handle(0, cls(0, **more)) == []
    it.play()
    assert it.last.verdict is Outcome.CLEAN
    assert not it.last.exposed.any()


def hostile(it, rng, worker):
    """One thing that a hostile worker does."""
    pick = int(rng.integers(6))
    step = int(it.server.step + rng.integers(-2, 3))
    done = int(rng.integers(-2, it.assignment.load + 2))
    if pick == 0:
        return it.server.malformed(worker, 'noise', [None, step][
            int(rng.integers(2))])
    if pick == 1:
        return it.server.handle(worker, Progress(step, 0, done))
    lie = [None, reversed_, not_finite, a_little_off,
           lambda values: np.full_like(values, 3e38)][int(rng.integers(5))]
    return it.send(worker, done, lie, step, int(rng.integers(5) == 0))


def test_noise_of_q_workers_neither_stops_nor_accuses(long):
    it, rng = long, np.random.default_rng(0)
    places = dict.fromkeys(it.everybody, 0)
    number = 0
    while it.server.exit_code is None:
        if it.server.step != number:
            number, places = it.server.step, dict.fromkeys(it.everybody, 0)
        worker = int(rng.integers(5))
        if worker < 2 and rng.random() < 0.5:
            hostile(it, rng, worker)
        elif places[worker] < it.assignment.load:
            it.send(worker, places[worker],
                    reversed_ if worker < 2 and rng.random() < 0.1 else None)
            places[worker] += 1
        else:
            it.clock.now += 0.01
            it.server.tick()
    assert it.server.exit_code == DONE
    assert len(it.server.records) == 300
    for record in it.server.records:
        assert not record.exposed[2:].any() and not record.flagged[2:].any()
        assert not record.excluded[2:].any()
        assert record.verdict is not Outcome.CONTRADICTION
    assert any(record.exposed.any() for record in it.server.records)
    assert np.isfinite(it.values).all()


# --- nothing leaks into the next step ----------------------------------

@pytest.mark.parametrize('detection', ['clique', 'core', 'none'])
def test_an_honest_step_after_a_bad_one_is_an_honest_step(bench, detection):
    """Same parameters, same step: same record, whatever came before."""
    def run(first):
        it = bench(run={'steps': 9}, detection={'name': detection},
                   optimizer={'momentum': 0.0})
        first(it)
        assert it.server.step == 1
        it.values[:] = 7.0
        it.play()
        return it

    def bad(it):
        it.server.malformed(0, 'noise')
        it.play({1: reversed_}, absent=[0])

    plain, after = run(ReplicaBench.play), run(bad)
    assert np.array_equal(plain.values, after.values)
    for name, value in vars(plain.last).items():
        assert np.array_equal(value, getattr(after.last, name),
                              equal_nan=name not in ('verdict',)), name


def test_an_exposed_worker_is_asked_again(long):
    it = long
    it.server.malformed(0, 'noise')
    out = it.play(absent=[0])
    assert 0 in {worker for worker, _ in out}
    it.play()
    assert not it.last.exposed.any() and it.last.files_done[0] == 6


# --- values that are no numbers ----------------------------------------

@pytest.mark.parametrize('detection', ['clique', 'core'])
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_q_liars_with_bad_numbers_are_found_and_cost_nothing(bench, bad,
                                                             detection):
    def one_bad_number(values):
        changed = values.copy()
        changed[len(values) // 2] = bad
        return changed

    it, clean = (bench(aggregation={'name': 'mean'},
                       detection={'name': detection}) for _ in range(2))
    it.play({1: one_bad_number, 3: one_bad_number})
    clean.play()
    assert it.last.flagged.tolist() == [False, True, False, True, False]
    assert it.last.verdict is Outcome.RESOLVED
    assert it.rules[1].calls == 1, 'all liars are known: the plain mean'
    assert np.array_equal(it.values, clean.values)


def test_values_that_are_no_numbers_agree_with_each_other(bench):
    """Workers of a diverged run may hold NaNs of different bits."""
    it = bench()
    it.play({1: not_finite, 3: lambda values: np.full_like(values, np.inf)})
    disagree = np.zeros((5, 5), dtype=bool)
    disagree[np.ix_([1, 3], [0, 2, 4])] = True
    assert np.array_equal(it.last.disagreements, disagree | disagree.T)


def test_a_file_with_nothing_but_bad_numbers_is_dropped(bench):
    """`none` flags nobody; two of three holders outvote the honest one."""
    it = bench(detection={'name': 'none'})
    it.play({1: not_finite, 3: not_finite})
    both = it.assignment.incidence[:, 1] & it.assignment.incidence[:, 3]
    assert np.array_equal(it.last.source < 0, both)
    assert it.last.files_dropped == both.sum()
    assert np.isfinite(it.values).all()


def test_enormous_numbers_do_not_stop_the_server(bench):
    it = bench()
    it.play({0: lambda values: np.full_like(values, 3e38),
             1: lambda values: np.full_like(values, -3e38)})
    assert it.last.flagged.tolist() == [True, True, False, False, False]
    assert np.isfinite(it.values).all()
