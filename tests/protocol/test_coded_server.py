"""The parameter server by itself under schemes that ask for vectors."""

import numpy as np
import pytest

from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.protocol.buffers import Pool
from aspis_mpi.protocol.messages import (
    FROM_WORKER, CodedGradient, Commit, Encode, Failure, Model, Parameters,
    Progress, Replica, Signal, Sketch, Skip, Vector)
from aspis_mpi.protocol.server.states import State
from aspis_mpi.schemes.record import CODED, Outcome
from tests.support.benches import CodedServerBench
from tests.support.coded_jobs import (
    SILENCE, assembled, at_rest, distance, initial, reference)

K, LOAD = 9, 3
NATURAL = {'assignment': {'order': 'natural'}}


def kinds(messages, cls):
    """Who was sent a message of a class."""
    return [worker for worker, message in messages
            if isinstance(message, cls)]


def covering(it):
    """Positions that everybody finishes first: the files are covered."""
    out = []
    for worker in range(K):
        out = it.progress(worker, 1)
    return out


# --- a step ------------------------------------------------------------

@pytest.mark.parametrize('transfer', ['coded', 'sums'])
def test_a_step_from_its_model_to_its_commit(transfer):
    it = CodedServerBench(transfer={'name': transfer}, **NATURAL)
    assert kinds(it.out, Model) == kinds(it.out, Parameters) == list(range(K))
    for worker in range(K - 1):
        assert it.progress(worker, 1) == []
    out = it.progress(K - 1, 1)
    assert kinds(out, Encode) == list(range(K)) and len(out) == K
    assert it.state is State.ENCODING
    for worker in range(K - 1):
        assert it.payload(worker) == []
    out = it.payload(K - 1)
    assert [type(message) for _, message in out[:K]] == [Commit] * K
    assert kinds(out, Model) == kinds(out, Parameters) == list(range(K))
    assert it.server.step == 1 and it.last.verdict is Outcome.CLEAN
    assert at_rest(it.incoming)


def test_the_signal_says_who_has_finished_what():
    it = CodedServerBench(**NATURAL)
    it.progress(0, 3)
    for worker in range(2, K):
        it.progress(worker, 1)
    out = it.progress(1, 1) if it.state is State.COMPUTING else []
    state = it.assembly.transfer.read(it.signals[0])
    expected = np.zeros((K, K), dtype=bool)
    expected[[it.file(0, position) for position in range(3)], 0] = True
    for worker in set(it.signals) - {0}:
        expected[it.file(worker, 0), worker] = True
    assert np.array_equal(state.finished, expected)
    assert len({id(signal) for signal in it.signals.values()}) == 1
    assert out == [] or kinds(out, Encode)


def test_whoever_has_nothing_is_not_asked_and_gets_the_commit():
    it = CodedServerBench(**NATURAL)
    for worker in (0, 3, 6):
        it.progress(worker, 3)
    assert sorted(it.signals) == [0, 3, 6]
    for worker in (0, 3):
        it.payload(worker)
    assert kinds(it.payload(6), Commit) == list(range(K))
    assert it.last.files_done.tolist() == [3, 0, 0] * 3
    assert np.isnan(it.last.first_report[1]) and it.last.epochs == 1


def test_what_comes_after_the_signal_counts_for_nothing():
    """Reports go on; state, counts, contributors are of the signal."""
    it = CodedServerBench(**NATURAL)
    it.clock.now = 1.0
    covering(it)
    it.clock.now = 2.5
    for worker in range(K):
        assert it.progress(worker, 3) == []
    it.clock.now = 3.0
    for worker in range(K):
        it.payload(worker)
    record = it.last
    assert record.files_done.tolist() == [1] * K
    assert record.copies.tolist() == [1] * K
    assert (record.contributors.sum(axis=0) == 1).all()
    assert (record.source == CODED).all()
    assert record.seconds_wait == 1.0 and record.seconds_transfer == 2.0
    assert record.last_report.tolist() == [2.5] * K
    assert record.first_report.tolist() == [1.0] * K


@pytest.mark.parametrize('sections', [
    {}, {'collection': {'copies': 2}}, {'transfer': {'name': 'sums'}},
    {'collection': {'thinning': True}}], ids=str)
def test_steps_give_the_parameters_of_plain_training(sections):
    it = CodedServerBench(run={'steps': 3}, **sections)
    while it.server.exit_code is None:
        it.play()
    plain = reference(assembled('partial', run={'steps': 3}, **sections))
    assert it.server.exit_code == DONE
    assert distance(it.server.values, plain) < 1e-5
    assert at_rest(it.incoming)


def test_a_gap_in_the_counts_is_filled():
    """One report may stand for several files."""
    it = CodedServerBench(**NATURAL)
    it.progress(0, 2)
    it.progress(0, 3)
    assert it.progress(0, 3) == []
    for worker in (3, 6):
        it.progress(worker, 3)
    assert it.state is State.ENCODING


# --- silence after the signal ------------------------------------------

def test_who_does_not_answer_is_dropped_and_a_second_signal_leaves():
    """Everybody has one file, worker 4 two; what only it has is redone."""
    it, silent = CodedServerBench(**NATURAL), 4
    it.progress(silent, 2)
    for worker in range(K):
        if worker != silent:
            it.progress(worker, 1)
    assert it.state is State.ENCODING and len(it.signals) == K
    for worker in set(it.signals) - {silent}:
        it.payload(worker)
    assert it.server.deadline == SILENCE
    it.wait()
    text = it.server.texts[-1]
    assert text == (f'worker {silent} was silent for {SILENCE:g} s in step 0 '
                    'after 2 files and the signal')

    # A file lacks its only copy; others who hold it are at work.
    assert it.state is State.COMPUTING
    out, asked = [], dict(it.signals)
    for worker in (2, 3):
        if it.state is State.COMPUTING:
            out += it.progress(worker, 3)
    again = kinds(out, Encode)
    assert again and silent not in again
    assert {it.signals[worker].epoch for worker in again} == {1}
    assert {signal.epoch for signal in asked.values()} == {0}
    for worker in again:
        assert it.server.step == 0
        it.payload(worker)
    assert it.server.step == 1
    assert it.last.epochs == 2 and it.last.verdict is Outcome.CLEAN
    assert it.last.files_done[silent] == 2
    assert not it.last.contributors[:, silent].any()
    plain = reference(assembled('partial', run={'steps': 1}, **NATURAL))
    assert distance(it.server.values, plain) < 1e-5


def pairs():
    """Everybody has finished everything; all are asked."""
    it = CodedServerBench(**NATURAL)
    it.progress(0, 3)
    it.progress(3, 3)
    for worker in (1, 2, 4, 5, 7, 8):
        it.progress(worker, 3)
        if it.state is State.ENCODING:
            break
    return it


def test_an_old_vector_does_not_answer_a_new_signal():
    it = pairs()
    first = dict(it.signals)
    silent = 0
    others = [worker for worker in first if worker != silent]
    late = others[0]
    stale = it.vector(late, signal=first[late])
    for worker in others[1:]:
        it.payload(worker)
    # `late` shows life only when the first one is given up.
    out = it.note(it.server.malformed(silent, 'test', 0))
    while it.state is State.COMPUTING:
        for worker in range(1, K):
            if it.state is State.COMPUTING:
                out += it.progress(worker, 3)
    asked = kinds(out, Encode)
    if late in asked:
        assert it.server.handle(late, stale) == []
        assert it.server.step == 0
    else:
        it.note(it.server.handle(late, stale))
    for worker in asked:
        if it.server.step == 0:
            it.payload(worker)
    assert it.server.step == 1 and at_rest(it.incoming)
    plain = reference(assembled('partial', run={'steps': 1}, **NATURAL))
    assert distance(it.server.values, plain) < 1e-5


def test_a_vector_that_is_under_way_still_counts_where_nothing_changed():
    """Worker 6 is far from 0: its vector of the first epoch is good."""
    it = CodedServerBench(scheme={'workers': 12}, problem={'batch_size': 40},
                          **NATURAL)
    for worker in range(0, 12, 3):
        it.progress(worker, 3)
    signals = dict(it.signals)
    assert sorted(signals) == [0, 3, 6, 9]
    under_way = it.vector(6)
    out = it.server.malformed(0, 'test', 0)
    assert it.state is State.COMPUTING and out == []
    # It comes while files are computed again.
    assert it.server.handle(6, under_way) == []
    for worker in (1, 11):
        it.progress(worker, 3)
    if it.state is State.COMPUTING:
        it.progress(10, 3)
    assert it.state is State.ENCODING
    again = [worker for worker, signal in it.signals.items()
             if signal.epoch == 1]
    assert 6 not in again
    for worker in {3, 9, *again}:
        it.payload(worker)
    assert it.server.step == 1
    assert it.server.up[0, 'CodedGradient', 6] == 1
    assert it.last.verdict is Outcome.CLEAN and it.last.epochs == 2


def test_reports_are_signs_of_life():
    it = CodedServerBench(**NATURAL)
    for count, share in enumerate((0.4, 0.8, 1.2)):
        it.clock.now = share * SILENCE
        it.progress(0, count + 1 if count < 2 else 2)
        it.server.tick()
        given_up = [text for text in it.server.texts if 'silent' in text]
        assert len(given_up) == (8 if share > 1 else 0)
        assert not any('worker 0 ' in text for text in given_up)
    assert it.server.exit_code == FAILED
    assert it.server.deadline == np.inf and it.server.tick() == []


def test_the_deadline_of_a_signal_counts_from_the_signal():
    it = CodedServerBench(**NATURAL)
    it.clock.now = SILENCE - 1
    covering(it)
    it.server.tick()
    assert it.state is State.ENCODING
    for now in (SILENCE, 2 * SILENCE - 1.001):
        it.clock.now = now
        assert it.server.tick() == [] and it.state is State.ENCODING
    it.clock.now = 2 * SILENCE - 1
    it.server.tick()
    assert it.server.exit_code == FAILED       # nobody sent a thing


def test_a_slow_worker_that_is_not_needed_is_never_given_up():
    it = CodedServerBench(run={'steps': 20}, **NATURAL)
    while it.server.exit_code is None:
        it.clock.now += 0.9 * SILENCE
        for worker in (0, 3, 6):
            it.progress(worker, 3)
        for worker in (0, 3, 6):
            it.payload(worker)
    assert it.server.texts == []
    assert not any(record.excluded.any() for record in it.server.records)


# --- skipping ----------------------------------------------------------

def test_files_that_are_covered_are_announced_to_who_could_compute_them():
    it = CodedServerBench(collection={'skip_covered': True}, **NATURAL)
    out = it.progress(4, 1)
    file = it.file(4, 0)
    holders = set(np.flatnonzero(it.assignment.incidence[file]))
    assert set(kinds(out, Skip)) == holders - {4}
    bits = np.unpackbits(np.frombuffer(out[0][1].files, dtype=np.uint8))
    assert np.flatnonzero(bits).tolist() == [file]
    # Anybody may now leave a hole in its order.
    other = next(worker for worker in holders - {4}
                 if it.file(worker, 0) == file or it.file(worker, 1) == file)
    hole = [p for p in range(3) if it.file(other, p) != file]
    it.progress(other, hole)
    assert it.server.texts == []


def test_a_skip_is_withdrawn_when_its_finisher_is_lost():
    it = CodedServerBench(collection={'skip_covered': True}, **NATURAL)
    it.progress(4, 1)
    file = it.file(4, 0)
    out = it.server.malformed(4, 'test', 0)
    holders = set(np.flatnonzero(it.assignment.incidence[file])) - {4}
    assert set(kinds(out, Skip)) == holders
    assert not any(out[0][1].files)


def test_who_has_left_out_all_it_may_is_not_waited_for():
    it = CodedServerBench(collection={'skip_covered': True}, **NATURAL)
    it.progress(0, 3)
    it.clock.now = SILENCE
    it.server.tick()
    text = ' '.join(it.server.texts)
    assert 'worker 0 ' not in text and 'worker 4 ' in text


# --- lies about progress -----------------------------------------------

LIES = {
    'more than named': ([0], 2), 'less than named': ([0, 1], 1),
    'beyond its load': ([0, 5], 2), 'none, but a count': ([], 3),
    'out of order': ([1], 1), 'a hole': ([0, 2], 2),
    'negative': ([0], -1), 'huge': ([0], 2 ** 31 - 1)}


@pytest.mark.parametrize('positions, count', LIES.values(), ids=LIES)
def test_a_count_that_cannot_be_exposes_its_sender(positions, count):
    it = CodedServerBench(**NATURAL)
    it.progress(2, positions, count=count)
    if not positions:
        return          # the same bits as before: nothing is said
    it.play(absent=[2])
    assert it.last.exposed.tolist() == [worker == 2 for worker in range(K)]
    assert it.last.verdict is Outcome.CLEAN
    assert not it.last.contributors[:, 2].any()
    assert sum('worker 2 sent a malformed' in text
               for text in it.server.texts) == 1


def test_counting_backwards_exposes():
    it = CodedServerBench(**NATURAL)
    it.progress(2, 2)
    it.progress(2, 1)
    assert 'files finished after 2' in it.server.texts[-1]
    it.play(absent=[2])
    assert it.last.exposed[2] and not it.last.contributors[:, 2].any()


def test_what_the_exposed_send_is_dropped_and_a_new_step_begins_anew():
    it = CodedServerBench(**NATURAL)
    it.progress(2, [1])
    it.progress(2, 3)
    it.play(absent=[2])
    assert 2 not in it.signals and not it.last.excluded.any()
    assert it.last.files_done[2] == 0 and it.last.exposed[2]
    it.play()
    assert not it.last.exposed.any()


# --- vectors that nobody asked for -------------------------------------

def test_vectors_count_once_and_only_when_asked_for():
    it = CodedServerBench(**NATURAL)

    def noise(step, epoch):
        buffer = it.incoming.take()
        buffer.values[:] = np.nan
        return CodedGradient(step, epoch, 0, buffer)
    for epoch in (-1, 0, 1, 2 ** 31 - 1):
        assert it.server.handle(1, noise(0, epoch)) == []
    covering(it)
    for step, epoch in ((0, -1), (0, 1), (-1, 0), (1, 0), (2 ** 62, 0)):
        assert it.server.handle(1, noise(step, epoch)) == []
    it.payload(1)
    assert it.server.handle(1, noise(0, 0)) == []       # twice
    assert it.incoming.made == 2
    for worker in set(it.signals) - {1}:
        it.payload(worker)
    for epoch in (0, 1):
        assert it.server.handle(1, noise(0, epoch)) == []   # late
    assert it.server.step == 1 and at_rest(it.incoming)
    plain = reference(assembled('partial', run={'steps': 1}, **NATURAL))
    assert distance(it.server.values, plain) < 1e-5


def test_late_messages_of_an_old_step_change_nothing():
    it, other = CodedServerBench(**NATURAL), CodedServerBench(**NATURAL)
    old = []
    for bench in (it, other):
        covering(bench)
        if bench is it:
            old = [bench.vector(worker) for worker in range(K)]
        for worker in range(K):
            bench.payload(worker)
    for worker, message in enumerate(old):
        assert it.server.handle(worker, message) == []
        assert it.progress(worker, 3, step=0) == []
        assert it.progress(worker, [2], step=0, count=7) == []
    for bench in (it, other):
        bench.play()
    one, two = it.last, other.last
    assert np.array_equal(it.server.values, other.server.values)
    assert np.array_equal(one.contributors, two.contributors)
    assert np.array_equal(one.files_done, two.files_done)
    assert not one.exposed.any() and one.messages > two.messages
    assert at_rest(it.incoming)


def test_replicas_are_nothing_in_a_coded_step():
    it = CodedServerBench(**NATURAL)
    pool = Pool(it.assembly.d)
    for position in (-1, 0, 1, 7):
        assert it.server.handle(0, Replica(0, 0, position,
                                           pool.take())) == []
    assert at_rest(pool) and it.server.texts == []
    for worker in (1, 4, 7):
        it.progress(worker, 3)
    for worker in (1, 4, 7):
        it.payload(worker)
    assert not it.last.exposed.any() and it.last.files_done[0] == 0


@pytest.mark.parametrize('values', [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_makes_no_update(values):
    it = CodedServerBench(**NATURAL)
    before = it.server.values.copy()
    covering(it)
    for worker in range(K):
        message = it.vector(worker)
        if worker in (1, 2):
            message.buffer.values[:] = values
        it.server.handle(worker, message)
    assert it.last.verdict is Outcome.CONTRADICTION
    assert np.array_equal(it.server.values, before)
    assert np.isnan(it.last.lr) and at_rest(it.incoming)


# --- it never raises ---------------------------------------------------

@pytest.mark.parametrize('cls', FROM_WORKER.values(),
                         ids=lambda cls: cls.__name__)
@pytest.mark.parametrize('phase', ['computing', 'encoding', 'again',
                                   'stopped'])
def test_any_message_at_any_time(phase, cls):
    """Extreme numbers, bits of any length, from everybody."""
    it = CodedServerBench(run={'steps': 3}, **NATURAL)
    if phase != 'computing':
        covering(it)
    if phase == 'again':
        it.server.malformed(3, 'test', 0)
    if phase == 'stopped':
        it.server.server.stop(FAILED, 'test')
    extremes = [-2 ** 63, -1, 0, 1, 2 ** 63 - 1]
    bodies = [b'', b'\0', b'\xe0', b'\xff', b'\xff' * 9]
    for worker in range(K):
        for step in extremes:
            for number in (-2 ** 31, -1, 0, 1, 3, 2 ** 31 - 1):
                for body in bodies if cls is Progress else [b'']:
                    more = ({'buffer': it.incoming.take()}
                            if issubclass(cls, Vector) else
                            {'finished': body} if cls is Progress else {})
                    out = it.server.handle(worker, cls(
                        step, number, number, **more))
                    assert isinstance(out, list)
    if cls is Failure:
        assert it.server.exit_code == FAILED
    if cls in (Replica, Sketch, Signal) and phase != 'stopped':
        assert it.server.exit_code is None and it.server.step == 0


def test_noise_of_the_exposed_makes_no_new_epochs():
    """The log counts epochs in 16 bits; each one costs a whole signal."""
    it = CodedServerBench(**NATURAL)
    it.server.malformed(2, 'test', 0)
    covering(it)
    for worker in range(K):
        if it.state is State.COMPUTING and worker != 2:
            it.progress(worker, 3)
    assert it.state is State.ENCODING
    for _ in range(100):
        it.server.malformed(2, 'noise', 0)
    for worker in it.signals:
        if it.server.step == 0:
            it.payload(worker)
    assert it.server.step == 1 and it.last.epochs == 1


# --- the end of hope ---------------------------------------------------

def test_hopeless_names_the_file_and_its_workers():
    it = CodedServerBench(**NATURAL)
    file = 4
    holders = np.flatnonzero(it.assignment.incidence[file]).tolist()
    for worker in holders:
        it.server.malformed(worker, 'test', 0)
    assert it.server.exit_code == FAILED
    assert f'file {file} ' in it.server.texts[-1]
    assert str(holders) in it.server.texts[-1]


def test_a_step_with_nothing_left_is_skipped_where_that_is_allowed():
    it = CodedServerBench(faults={'approximate': True}, **NATURAL)
    before = it.server.values.copy()
    for worker in range(K):
        it.server.malformed(worker, 'test', 0)
    assert it.server.step == 1 and it.last.verdict is Outcome.SKIPPED
    assert np.array_equal(it.server.values, before)
    assert it.last.residual == 3.0 and it.last.files_missing == K
    assert np.array_equal(initial(it.assembly), before)


def test_a_lenient_step_takes_what_the_living_can_give():
    it = CodedServerBench(faults={'approximate': True}, **NATURAL)
    file = 4
    for worker in np.flatnonzero(it.assignment.incidence[file]):
        it.server.malformed(int(worker), 'test', 0)
    it.play(absent=np.flatnonzero(it.assignment.incidence[file]).tolist())
    share = np.ones(K)
    share[file] = 0
    plain = reference(assembled('partial', run={'steps': 1}, **NATURAL),
                      [share])
    assert it.last.verdict is Outcome.INCOMPLETE
    assert it.last.source[file] == -2 and it.last.residual == 1.0
    assert distance(it.server.values, plain) < 1e-5
