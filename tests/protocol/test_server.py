"""The parameter server by itself: messages in, messages out."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from aspis_mpi.detection.base import DROPPED, MISSING
from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.protocol.buffers import HEADER_BYTES, Pool
from aspis_mpi.protocol.messages import (
    FROM_SERVER, FROM_WORKER, Failure, Model, Parameters, Progress, Replica,
    Signal, Stop, Vector)
from aspis_mpi.protocol.server.accounts import Accounts
from aspis_mpi.protocol.server.course import Course
from aspis_mpi.protocol.server.machine import ParameterServer
from aspis_mpi.protocol.server.states import State
from aspis_mpi.schemes.record import Outcome
from tests.support.benches import ServerBench

SILENCE = 2.0
MESSAGES = {**FROM_SERVER, **FROM_WORKER}.values()
TRACEBACK = b'Traceback (most recent call last):\nZeroDivisionError: 0'


class NumbersOnly:
    """An aggregation that refuses to be given anything but numbers."""

    shows_non_finite = False

    def __init__(self, rule):
        self.rule = rule
        self.calls = 0

    def aggregate(self, rows, samples, out, threads=1):
        assert all(np.isfinite(row).all() for row in rows)
        self.calls += 1
        self.rule.aggregate(rows, samples, out, threads)


class ReplicaBench(ServerBench):
    """A server that is sent replicas, and what honest workers would send.

    Parameters
    ----------
    assembly : Assembly
    silence : float
    """

    def __init__(self, assembly, silence=SILENCE):
        self.pool = Pool(assembly.d)
        self.rules = [NumbersOnly(assembly.scheme.aggregator),
                      NumbersOnly(assembly.scheme.mean)]
        rng = np.random.default_rng(3)
        members = assembly.membership()
        members.accounts = Accounts(assembly.job.n_workers, silence=silence)
        members.scheme = replace(assembly.scheme, aggregator=self.rules[0],
                                 mean=self.rules[1])
        super().__init__(assembly, lambda clock: ParameterServer(
            members, assembly.optimizer, assembly.batches.counts, self.pool,
            rng.uniform(-90, 90, assembly.d).astype(np.float32),
            Course(assembly.job.run.steps, silence), clock))
        # A small job's own buffers are as long as the start-up probe asks.
        self.incoming = Pool(assembly.d)
        self.started = self.server.start()

    def honest(self, worker, position):
        """The right sum of gradients at a place of a worker's order."""
        return self.gradient(self.file(worker, position))

    def replica(self, worker, position, lie=None, step=None, epoch=0):
        """A message; `lie` makes of the right value what is sent."""
        buffer = self.incoming.take()
        position_there = 0 <= position < self.assignment.load
        buffer.values[:] = (self.honest(worker, position) if position_there
                            else 0)
        if lie is not None:
            buffer.values[:] = lie(buffer.values)
        step = self.server.step if step is None else step
        return Replica(step, epoch, position, buffer)

    def send(self, worker, position, lie=None, step=None, epoch=0):
        return self.server.handle(worker, self.replica(
            worker, position, lie, step, epoch))

    def finish(self, worker, lie=None, start=0):
        """All files of a worker from `start` on; what is then sent."""
        out = []
        for position in range(start, self.assignment.loads[worker]):
            out += self.send(worker, position, lie)
        return out

    def play(self, lies=None, absent=()):
        """A whole step: `lies` gives a lie to some workers."""
        lies = lies or {}
        number, out = self.server.step, []
        for worker in self.everybody:
            if worker not in absent and not out:
                out = self.finish(worker, lies.get(worker))
        while self.server.step == number and self.server.exit_code is None:
            before = self.clock.now = self.server.deadline
            out = self.server.tick()
            assert out or self.server.deadline > before, (
                'the deadline has passed and nothing happened')
        return out

    def events(self, level=logging.WARNING):
        return [event.text for event in self.server.notes.events
                if event.level >= level]


@pytest.fixture
def bench(assemble):
    """Makes a `ReplicaBench`; keywords are sections of the job."""
    def make(silence=SILENCE, **sections):
        return ReplicaBench(assemble(**sections), silence)
    return make


@pytest.fixture
def long(bench):
    """A run of many steps that takes plain means where it may vote."""
    return bench(run={'steps': 300}, aggregation={'name': 'mean'})


def reversed_(values):
    return -100 * values


def not_finite(values):
    return np.full_like(values, np.nan)


def a_little_off(values):
    return np.nextafter(values, np.float32(np.inf))


def check_end(messages, code, n_workers=5):
    """Everybody has been sent a Stop with this exit code."""
    assert [worker for worker, _ in messages] == list(range(n_workers))
    for _, message in messages:
        assert isinstance(message, Stop) and message.position == code


# --- a step ------------------------------------------------------------

def test_a_step_begins_with_model_and_parameters_to_everybody(bench):
    it = bench()
    assert [(worker, type(message)) for worker, message in it.started] == [
        (worker, cls) for worker in it.everybody
        for cls in (Model, Parameters)]
    for _, message in it.started:
        assert message.step == 0
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
    assert {message.step for _, message in out} == {1}
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


# --- stale, early, twice -----------------------------------------------

def test_a_duplicate_is_dropped_whatever_it_says(bench):
    it, clean = bench(), bench()
    for worker in it.everybody:
        if it.server.step == 0:
            it.send(worker, 0)
            it.send(worker, 0, reversed_)
            it.finish(worker, start=1)
    clean.play()
    assert np.array_equal(it.values, clean.values)
    assert it.last.verdict is Outcome.CLEAN
    assert not it.last.exposed.any()
    assert it.last.bytes_in == clean.last.bytes_in * 7 // 6


@pytest.mark.parametrize('away', [-3, -1, 1, 100])
def test_another_steps_replica_is_dropped(long, away):
    it = long
    for _ in range(3):
        it.play()
    held = it.incoming.made - len(it.incoming._free)
    for position in (-1, 0, 1, 99):
        assert it.send(0, position, reversed_, it.server.step + away) == []
    assert it.incoming.made - len(it.incoming._free) == held
    it.play()
    assert it.last.verdict is Outcome.CLEAN
    assert not it.last.exposed.any() and it.last.files_done[0] == 6


def test_memory_stays_flat_over_200_steps(long):
    it, rng = long, np.random.default_rng(0)
    sizes = []
    for number in range(200):
        for step in (number - 1, number + 1, number):
            it.send(0, int(rng.integers(-1, 8)), reversed_, step)
        if number % 3 == 0:
            it.server.malformed(1, 'noise')
        it.play({2: reversed_} if number % 2 else {},
                absent=[4] if number % 5 == 0 else ())
        it.server.records.clear()
        it.server.notes.events.clear()
        sizes.append((it.pool.made, it.incoming.made))
    assert it.server.step == 200
    assert sizes[20] == sizes[-1]
    # The parameters of this step and of the next.
    assert it.pool.made == 2
    # All replicas of a step, and one that is being dropped.
    assert it.incoming.made <= 5 * it.assignment.load + 1


def test_a_finished_step_gives_all_buffers_back(bench):
    it = bench()
    it.play({0: reversed_})
    assert len(it.incoming._free) == it.incoming.made


# --- malformed messages ------------------------------------------------

@pytest.mark.parametrize('position, epoch', [
    (2, 0), (5, 0), (-1, 0), (6, 0), (2 ** 31 - 1, 0), (1, 1), (1, -1)])
def test_what_no_honest_worker_sends_exposes(bench, position, epoch):
    it = bench()
    it.send(0, 0)
    assert it.send(0, position, epoch=epoch) == []
    it.play(absent=[0])
    assert it.last.exposed.tolist() == [True, False, False, False, False]
    assert 'worker 0' in it.events()[0] and 'malformed' in it.events()[0]


def test_one_more_file_than_a_worker_has_exposes(bench):
    it = bench()
    it.finish(0)
    it.send(0, 6)
    it.play(absent=[0])
    assert it.last.exposed[0]


def test_the_step_ends_without_an_exposed_worker(bench):
    it = bench()
    it.send(0, 0, reversed_)
    it.send(0, 2)
    for worker in range(1, 5):
        assert it.server.step == 0
        it.finish(worker)
    assert it.server.step == 1, 'nobody waits for the exposed worker'
    record = it.last
    assert record.exposed[0] and not record.flagged.any()
    assert not record.contributors[:, 0].any()
    assert not (record.source == 0).any()
    assert not record.disagreements.any()
    assert record.verdict is Outcome.CLEAN


def test_an_exposed_workers_later_replicas_are_dropped(bench):
    it = bench()
    it.server.malformed(0, 'noise')
    assert it.finish(0, reversed_) == []
    assert len(it.incoming._free) == it.incoming.made
    it.play(absent=[0])
    assert it.last.files_done[0] == 0 and it.last.exposed[0]


def test_exposing_the_last_one_waited_for_ends_the_step(bench):
    it = bench()
    for worker in range(4):
        it.finish(worker)
    out = it.server.malformed(4, 'noise', 0)
    assert out and it.server.step == 1


def test_without_redundancy_an_exposed_workers_file_is_missing(bench):
    it = bench(scheme={'name': 'uncoded'})
    it.server.malformed(2, 'noise')
    it.play(absent=[2])
    assert it.last.verdict is Outcome.INCOMPLETE
    assert it.last.source.tolist() == [0, 1, MISSING, 3, 4]
    assert it.last.files_missing == 1


@pytest.mark.parametrize('step, proof', [
    (None, True), (2, True), (1, False), (3, False), (-2 ** 63, False)])
def test_only_a_malformed_message_of_this_step_proves(long, step, proof):
    it = long
    it.play()
    it.play()
    it.server.malformed(1, 'noise', step)
    it.play(absent=[1] if proof else ())
    assert it.last.step == 2
    assert it.last.exposed[1] == proof


def test_noise_is_noted_once_a_step(long):
    it = long
    for _ in range(50):
        it.server.malformed(1, 'noise')
    assert len(it.events()) == 1
    it.play(absent=[1])
    it.server.malformed(1, 'noise')
    assert len(it.events()) == 2


def test_everybody_malformed_skips_the_step_and_changes_nothing(long):
    it = long
    before = it.values.copy()
    for worker in it.everybody:
        out = it.server.malformed(worker, 'noise')
    assert out and it.server.exit_code is None
    assert it.last.verdict is not Outcome.CLEAN
    assert np.array_equal(it.values, before)
    assert not any(rule.calls for rule in it.rules)


def test_malformed_after_the_end_is_nothing(bench):
    it = bench(run={'steps': 1})
    it.play()
    n_events = len(it.server.notes.events)
    assert it.server.malformed(0, 'late') == []
    assert len(it.server.notes.events) == n_events


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
