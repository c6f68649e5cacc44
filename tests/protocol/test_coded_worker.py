"""A worker by itself under schemes that ask for vectors."""

import numpy as np
import pytest

from aspis_mpi.coding import combine
from aspis_mpi.errors import LocalProtocolError
from aspis_mpi.protocol.messages import (
    CodedGradient, Commit, Encode, Model, Parameters, Progress, Reorder, Skip,
    Stop, unpack_positions)
from aspis_mpi.protocol.worker.states import State
from tests.support.benches import WorkerBench
from tests.support.coded_jobs import assembled, at_rest

K, LOAD = 9, 3
TRANSFERS = [
    {}, {'transfer': {'name': 'sums'}}, {'collection': {'copies': 2}},
    {'collection': {'copies': 3}},
    {'collection': {'copies': 2}, 'transfer': {'matrix': 'gaussian'}}]
every_transfer = pytest.mark.parametrize('sections', TRANSFERS, ids=str)


class CodedBench(WorkerBench):
    """One worker that computes in no time, and the signals it is sent."""

    def __init__(self, number=4, payloads=2, delay=None, name='partial',
                 **sections):
        if delay is not None:
            sections['delay'] = delay
        assembly = assembled(name, **sections)
        if delay is None:
            assembly.delay = Fixed(0.0)
        self.incidence = assembly.assignment.incidence
        super().__init__(assembly, number, payloads=payloads)

    def advance(self, files=1):
        """Compute until so many files are reported; the last report."""
        for _ in range(files):
            message = self.next()
            assert isinstance(message, Progress)
        return message

    def state(self, mine, others=True):
        """A state in which this worker has finished some positions."""
        finished = (self.incidence.copy() if others
                    else np.zeros_like(self.incidence))
        finished[:, self.number] = False
        finished[[self.files[p] for p in mine], self.number] = True
        return finished

    def encode(self, finished, epoch=0, step=None):
        """The signal of a state, handed to the worker."""
        step = self.worker.turn if step is None else step
        state = self.assembly.transfer.signal(finished)
        signal = Encode(step, epoch, 0, *self.assembly.transfer.pack(state))
        self.worker.handle(signal)
        return signal

    def expected(self, signal, step=0):
        """What answers a signal, from gradients computed here."""
        transfer = self.assembly.transfer
        files, weights = transfer.encoding(self.number,
                                           transfer.read(signal))
        rows = [self.gradient(step, file) for file in files.tolist()]
        out = np.empty(self.pools.payloads.size, dtype=np.float32)
        combine.encode(rows, weights, out)
        return out


class Fixed:
    """So many seconds for every file."""

    def __init__(self, seconds):
        self._seconds = np.broadcast_to(seconds, (LOAD,)).astype(float)

    def seconds(self, step, worker):
        return self._seconds


# --- reports -----------------------------------------------------------

def test_each_finished_file_is_reported_and_kept():
    it = CodedBench()
    it.begin()
    for count in range(1, LOAD + 1):
        report = it.advance()
        assert (report.turn, report.position) == (0, count)
        assert unpack_positions(report.finished) == (1 << count) - 1
        assert it.pools.gradients.made == count
    assert it.worker.due == np.inf and it.worker.state is State.COMPUTING
    assert it.worker.advance() is None
    it.worker.handle(Commit(0))
    assert it.worker.state is State.IDLE and it.at_rest


def test_a_file_takes_as_long_as_the_delay_says():
    it = CodedBench()
    it.assembly.delay = Fixed([1.0, 2.0, 0.5])
    it.restart()
    it.begin()
    for due in (1.0, 3.0, 3.5):
        for _ in range(5):
            assert it.worker.advance() is None
        assert it.worker.finishes == it.worker.due == due
        it.clock.now = due - 1e-9
        assert it.worker.advance() is None
        it.clock.now = due
        assert isinstance(it.worker.advance(), Progress)


# --- signals -----------------------------------------------------------

@every_transfer
def test_a_signal_is_answered_with_exactly_its_state(sections):
    """Though more was finished since: one file counts, three are there."""
    for done in range(1, LOAD + 1):
        for counted in range(1, done + 1):
            it = CodedBench(**sections)
            it.begin()
            it.advance(done)
            signal = it.encode(it.state(range(counted), others=False))
            assert it.worker.state is State.SENDING
            answer = it.next()
            assert isinstance(answer, CodedGradient)
            assert (answer.turn, answer.epoch) == (0, 0)
            assert np.array_equal(answer.buffer.values.view('u4'),
                                  it.expected(signal).view('u4'))
            assert it.worker.state is State.COMPUTING


@pytest.mark.parametrize('sections', TRANSFERS[:3] + TRANSFERS[4:], ids=str)
def test_the_state_of_the_others_decides_the_coefficients(sections):
    found = []
    for others in (False, True):
        it = CodedBench(**sections)
        it.begin()
        it.advance(LOAD)
        signal = it.encode(it.state(range(2), others))
        values = it.next().buffer.values
        assert np.array_equal(values.view('u4'),
                              it.expected(signal).view('u4'))
        found.append(values)
    assert not np.array_equal(*found)


def test_the_file_in_hand_is_kept_while_a_vector_is_sent():
    """A micro-batch before the signal is not computed again after it."""
    it = CodedBench(problem={'micro_batch': 1})
    samples = []
    gradient = it.assembly.problem.gradient

    def counted(parameters, batch, out):
        samples.extend(batch.tolist())
        gradient(parameters, batch, out)
    it.assembly.problem.gradient = counted
    it.begin()
    it.advance()
    it.worker.advance()
    it.worker.advance()
    assert it.worker.computes
    before = len(samples)
    it.encode(it.state([0]))
    answer = it.worker.advance()            # at once, before computing on
    assert isinstance(answer, CodedGradient) and len(samples) == before
    assert it.worker.computes
    it.advance(2)
    own = [sample for file in it.files
           for sample in it.assembly.batches.samples(0, file).tolist()]
    assert samples == own
    it.worker.handle(Commit(0))
    answer.buffer.release()
    assert it.at_rest


def test_computing_goes_on_after_a_vector_and_a_second_signal_finds_it():
    it = CodedBench()
    it.begin()
    it.advance()
    first = it.encode(it.state([0]))
    one = it.next()
    assert np.array_equal(one.buffer.values, it.expected(first))
    report = it.advance(2)
    assert report.position == 3
    second = it.encode(it.state([0, 1, 2], others=False), epoch=1)
    two = it.next()
    assert two.epoch == 1
    assert np.array_equal(two.buffer.values, it.expected(second))
    assert not np.array_equal(one.buffer.values, two.buffer.values)


def test_a_second_signal_overtakes_an_unanswered_first():
    it = CodedBench()
    it.begin()
    it.advance(2)
    it.encode(it.state([0]))
    second = it.encode(it.state([0, 1]), epoch=1)
    answer = it.next()
    assert answer.epoch == 1
    assert np.array_equal(answer.buffer.values, it.expected(second))
    assert it.worker.state is State.COMPUTING
    assert isinstance(it.next(), Progress)


def test_an_answer_waits_for_a_buffer_and_takes_messages_meanwhile():
    it = CodedBench(payloads=1)
    it.begin()
    it.advance(3)
    it.encode(it.state([0, 1]))
    under_way = it.next()
    signal = it.encode(it.state([0, 1, 2]), epoch=1)
    for _ in range(3):
        assert it.worker.advance() is None
        assert it.worker.state is State.SENDING
    under_way.buffer.release()
    answer = it.next()
    assert answer.epoch == 1
    assert np.array_equal(answer.buffer.values, it.expected(signal))
    # Nor is it needed any more when the step is over.
    it.encode(it.state([0, 1, 2]), epoch=2)
    it.worker.handle(Commit(0))
    assert it.worker.state is State.IDLE and it.worker.advance() is None
    answer.buffer.release()
    assert it.at_rest


def test_a_signal_of_another_step_is_a_bug():
    it = CodedBench()
    it.begin(3)
    it.advance()
    for step in (2, 4):
        with pytest.raises(LocalProtocolError, match=f'turn {step}'):
            it.encode(it.state([0]), step=step)


def test_a_signal_that_counts_what_is_not_finished_is_a_bug():
    """It must never be answered with something else."""
    it = CodedBench()
    it.begin()
    it.advance()
    it.encode(it.state([0, 1]))
    with pytest.raises((LocalProtocolError, KeyError)):
        it.next()


# --- buffers -----------------------------------------------------------

@pytest.mark.parametrize('moment', ['computing', 'half-way', 'sending',
                                    'sent', 'finished'])
@pytest.mark.parametrize('end', ['commit', 'model', 'stop'])
def test_the_end_of_a_step_gives_every_buffer_back(moment, end):
    it = CodedBench(problem={'micro_batch': 1})
    it.begin()
    it.advance(3 if moment == 'finished' else 1)
    if moment == 'half-way':
        it.worker.advance()
        assert it.worker.computes
    if moment in ('sending', 'sent'):
        it.encode(it.state([0]))
    if moment == 'sent':
        it.next().buffer.release()
    it.worker.handle({'commit': Commit(0), 'model': Model(1, position=1),
                      'stop': Stop(0)}[end])
    assert it.at_rest
    assert it.worker.advance() is None and it.worker.due == np.inf


def test_gradients_are_kept_until_the_commit_and_not_longer():
    it = CodedBench()
    for step in range(30):
        it.begin(step)
        it.advance(LOAD)
        for epoch in range(3):
            it.encode(it.state(range(epoch + 1)), epoch)
            it.next().buffer.release()
        extra = it.pools.gradients.take()
        assert it.pools.gradients.made == LOAD + 1      # all are in use
        extra.release()
        it.worker.handle(Commit(step))
        assert it.at_rest
    # l gradients (and one that this test took), one vector.
    assert it.pools.gradients.made == LOAD + 1
    assert it.pools.payloads.made == 1 and it.sent.made == 1


def test_a_worker_keeps_its_files_and_one_vector():
    """What the plan says of its memory: l gradients and what it sends."""
    it = CodedBench(payloads=2)
    for step in range(10):
        it.begin(step)
        it.advance(LOAD)
        it.encode(it.state(range(LOAD)))
        it.next().buffer.release()
        it.worker.handle(Commit(step))
    assert it.pools.gradients.made == LOAD and it.pools.payloads.made == 1


def test_abandoned_steps_cost_no_memory():
    it = CodedBench(problem={'micro_batch': 1})
    rng = np.random.default_rng(0)
    for step in range(200):
        it.begin(step)
        done = []
        for _ in range(int(rng.integers(20))):
            message = it.worker.advance()
            if isinstance(message, Progress):
                bits = unpack_positions(message.finished)
                done = [p for p in range(LOAD) if bits >> p & 1]
            if isinstance(message, CodedGradient):
                message.buffer.release()
            if done and rng.random() < 0.3:
                it.encode(it.state(done), epoch=step)
            if rng.random() < 0.2:
                it.worker.handle(Skip(step, files=rng.bytes(2)))
    it.worker.handle(Stop(200))
    assert it.at_rest and it.pools.gradients.made <= LOAD


# --- skipping ----------------------------------------------------------

def skip(it, *positions, step=None):
    """Leave out the files at some positions of the worker's order."""
    bits = np.zeros(len(it.incidence), dtype=bool)
    bits[[it.files[p] for p in positions]] = True
    it.worker.handle(Skip(it.worker.turn if step is None else step,
                          files=np.packbits(bits).tobytes()))


def test_a_file_that_is_left_out_is_abandoned_half_way():
    it = CodedBench(problem={'micro_batch': 1})
    it.begin()
    it.worker.advance()
    assert it.worker.computes
    skip(it, 0)
    assert not it.worker.computes and at_rest(it.pools.gradients)
    report = it.advance()
    assert report.position == 1 and unpack_positions(report.finished) == 0b10
    assert it.pools.gradients.made == 1


def test_a_file_in_hand_that_is_wanted_is_kept():
    it = CodedBench(problem={'micro_batch': 1})
    it.begin()
    it.worker.advance()
    skip(it, 1)
    assert it.worker.computes
    assert unpack_positions(it.advance().finished) == 0b1
    assert unpack_positions(it.advance().finished) == 0b101
    assert it.worker.due == np.inf


def test_what_is_wanted_again_is_computed_again():
    it = CodedBench()
    it.begin()
    skip(it, 0, 1, 2)
    assert it.worker.due == np.inf and it.worker.advance() is None
    skip(it, 0, 2)
    assert unpack_positions(it.advance().finished) == 0b10
    assert it.worker.due == np.inf
    skip(it)
    assert unpack_positions(it.advance().finished) == 0b11
    assert unpack_positions(it.advance().finished) == 0b111
    assert it.worker.due == np.inf


def test_finished_files_stay_when_they_are_left_out():
    it = CodedBench()
    it.begin()
    it.advance(2)
    skip(it, 0, 1)
    assert unpack_positions(it.advance().finished) == 0b111
    signal = it.encode(it.state([0, 1, 2]))
    assert np.array_equal(it.next().buffer.values, it.expected(signal))


def test_a_skip_may_come_before_the_parameters_and_ends_with_its_step():
    it = CodedBench()
    it.worker.handle(Model(0, position=0))
    skip(it, 0)
    buffer = it.sent.take()
    buffer.values[:] = 1
    it.worker.handle(Parameters(0, buffer=buffer))
    assert unpack_positions(it.advance().finished) == 0b10
    it.worker.handle(Commit(0))
    it.begin(1)
    assert unpack_positions(it.advance().finished) == 0b1


def test_the_time_of_an_abandoned_file_is_not_spent_on_the_next():
    it = CodedBench()
    it.assembly.delay = Fixed(1.0)
    it.restart()
    it.begin()
    it.clock.now = 0.75
    skip(it, 0)
    assert it.worker.finishes == 1.75
    skip(it, 0, 1)
    assert it.worker.finishes == 1.75
    it.clock.now = 1.0
    skip(it, 0, 1, 2)
    assert it.worker.finishes == np.inf
    skip(it, 0, 1)
    assert it.worker.finishes == 2.0


def test_an_order_holds_from_the_next_step_on():
    it = CodedBench()
    it.begin()
    order = np.full(LOAD, -1, dtype='<i4')
    order[:] = it.files[::-1]
    it.worker.handle(Reorder(1, order=order.tobytes()))
    it.advance(LOAD)
    before = it.files[:]
    signal = it.encode(it.state([0]))
    assert np.array_equal(it.next().buffer.values, it.expected(signal))
    it.worker.handle(Commit(0))
    it.begin(1)
    it.advance()
    it.files = before[::-1]
    signal = it.encode(it.state([0]))
    assert np.array_equal(it.next().buffer.values, it.expected(signal, 1))


# --- silence -----------------------------------------------------------

@pytest.mark.parametrize('after', [0, 1, 2])
def test_a_worker_falls_silent_after_so_many_files(after):
    it = CodedBench(delay={'silent': [4], 'silent_after': after})
    it.assembly.delay = Fixed(0.0)
    it.restart()
    it.begin()
    if after:
        assert it.advance(after).position == after
    assert it.worker.due == np.inf and it.worker.advance() is None
    if after:
        it.encode(it.state(range(after)))
        assert it.worker.state is State.COMPUTING
        assert it.worker.due == np.inf and it.worker.advance() is None
    skip(it, 0)
    assert it.worker.advance() is None
    it.worker.handle(Commit(0))
    assert it.at_rest


def test_before_it_falls_silent_it_answers():
    it = CodedBench(delay={'silent': [4], 'silent_after': 2})
    it.assembly.delay = Fixed(0.0)
    it.restart()
    it.begin()
    it.advance()
    signal = it.encode(it.state([0]))
    assert np.array_equal(it.next().buffer.values, it.expected(signal))
    it.advance()
    it.encode(it.state([0, 1]), epoch=1)
    assert it.worker.advance() is None


def test_a_mute_worker_reports_everything_and_sends_nothing():
    it = CodedBench(delay={'silent': [4], 'silent_after': 'encode',
                      'silent_from': 1})
    it.assembly.delay = Fixed(0.0)
    it.restart()
    for step in (0, 1):
        it.begin(step)
        it.advance(2)
        signal = it.encode(it.state([0]))
        if step == 0:
            assert np.array_equal(it.next().buffer.values,
                                  it.expected(signal))
        assert it.advance().position == 3
        it.encode(it.state([0, 1]), epoch=1)
        if step:
            assert it.worker.advance() is None
        it.worker.handle(Commit(step))


# --- adversaries -------------------------------------------------------

def test_a_liar_encodes_its_lies():
    it = CodedBench(scheme={'adversaries': 0}, adversary={
        'count': 1, 'workers': [4], 'value': 'reversed'})
    it.begin()
    it.advance(LOAD)
    signal = it.encode(it.state(range(LOAD)))
    values = it.next().buffer.values
    assert np.allclose(values, -100 * it.expected(signal), rtol=1e-5)
    it.worker.handle(Commit(0))
