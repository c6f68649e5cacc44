"""Adversaries that are late or take turns at silence, and lie about no more.

What the server makes of them is not looked at here, but what it is sent.
"""

import numpy as np
import pytest
import tomli_w

from aspis_mpi import load_run, simulate
from aspis_mpi.backends.simulated import Network, Simulation, VirtualClock
from aspis_mpi.errors import DONE
from aspis_mpi.protocol.messages import (
    Challenge, CodedGradient, Commit, Encode, Model, Parameters, Progress,
    Replica, Sketch, Skip)
from aspis_mpi.protocol.worker.states import State
from tests.support.benches import WorkerBench
from tests.support.challenged_jobs import assembled, liars
from tests.support.coded_jobs import NoKeeper

SECONDS = 3.25
LATE = liars(0, 4, files='all', value='honest', protocol='late',
             seconds=SECONDS)
TURNS = liars(0, 4, files='all', value='honest', protocol='intermittent')
PUSHED = {'transfer': {'name': 'replicas', 'challenge': False},
          'aggregation': {'name': 'mean'}}
PLAIN = {'transfer': {'challenge': False}, 'detection': {'name': 'none'}}
CODED = {'transfer': {'name': 'coded'}}
JOBS = {'challenged': {}, 'coded': CODED, 'plain': PLAIN, 'pushed': PUSHED}
#: Everybody is waited for, so that no bit depends on time.
ALL = {'collection': {'name': 'all'}}
any_job = pytest.mark.parametrize('sections', JOBS.values(), ids=JOBS)


class Heard:
    """A worker whose messages are noted, with the second, both ways.

    Attributes
    ----------
    told, said : list of (float, Message)
    """

    def __init__(self, worker, clock):
        self.worker, self._clock = worker, clock
        self.told, self.said = [], []

    def __getattr__(self, name):
        return getattr(self.worker, name)

    def handle(self, message):
        self.told.append((self._clock(), message))
        self.worker.handle(message)

    def advance(self):
        message = self.worker.advance()
        if message is not None:
            self.said.append((self._clock(), message))
        return message

    def times(self, which, kind, step):
        """When messages of a kind came or went in a step."""
        return [second for second, message in getattr(self, which)
                if isinstance(message, kind) and message.turn == step]


class Run:
    """A whole simulated run whose workers are `Heard`."""

    def __init__(self, **sections):
        self.assembly, clock = assembled(**sections), VirtualClock()
        self.server = self.assembly.server(clock)
        pools = self.assembly.pools(shared=True)
        self.workers = [
            Heard(self.assembly.worker(number, clock, pools), clock)
            for number in range(self.assembly.job.n_workers)]
        self.code = Simulation(self.server, self.workers, NoKeeper(), clock,
                               Network()).run()

    @property
    def records(self):
        return self.server.notes.records


def joined(one, other):
    """Two sets of sections, key by key."""
    return {name: one.get(name, {}) | other.get(name, {})
            for name in {**one, **other}}


@pytest.mark.parametrize('sections', [{}, CODED, PLAIN],
                         ids=['challenged', 'coded', 'plain'])
def test_each_answer_comes_so_many_seconds_after_it_was_asked_for(sections):
    """To the bit, and whatever the delay says of the files."""
    it = Run(**joined(sections, ALL), adversary=LATE)
    assert it.code == DONE
    for number in 0, 4:
        worker, answered = it.workers[number], []
        for step in range(2):
            first = worker.times('said', Progress, step)[0]
            assert first == worker.times('told', Parameters, step)[0]
            for answer, signal in (CodedGradient, Encode), (
                    Sketch, Challenge):
                asked = worker.times('told', signal, step)
                ends = worker.times('told', (signal, Encode, Commit), step)
                due = [second + SECONDS for second in asked if not any(
                    second < end < second + SECONDS for end in ends)]
                assert worker.times('said', answer, step) == due
                answered += due
        assert len(answered) >= 2


def test_each_replica_comes_so_many_seconds_after_the_one_before():
    it = Run(**joined(PUSHED, ALL), adversary=LATE)
    for number in 0, 4:
        for step in range(2):
            begin, = it.workers[number].times('told', Parameters, step)
            sent = it.workers[number].times('said', Replica, step)
            assert len(sent) == 5
            assert np.diff([begin, *sent]).tolist() == [SECONDS] * 5


@any_job
def test_who_is_late_or_silent_sends_nothing_wrong(sections):
    """Bit for bit the parameters of the run without adversaries."""
    honest = Run(**joined(sections, ALL))
    late = Run(**joined(sections, ALL), adversary=LATE)
    assert late.code == honest.code == DONE
    assert np.array_equal(late.server.parameters.values.view('u4'),
                          honest.server.parameters.values.view('u4'))
    for record in late.records:
        assert not record.exposed.any() and not record.flagged.any()
        assert (record.source != -2).all()


@any_job
def test_whose_turn_it_is_sends_nothing_that_counts(sections):
    """The other one answers at once, as everybody does."""
    it = Run(**sections, run={'steps': 6}, adversary=TURNS)
    payloads = CodedGradient, Sketch, Replica
    asked = []
    for record in it.records:
        silent, other = (0, 4) if record.step % 2 == 0 else (4, 0)
        worker = it.workers[silent]
        assert not worker.times('said', payloads, record.step)
        # Who was given up in an earlier step may have no work in this one.
        asked += worker.times('told', Model, record.step)
        signals = it.workers[other].times('told', Encode, record.step)
        answers = it.workers[other].times('said', CodedGradient, record.step)
        assert answers == signals
    assert it.code == DONE and len(asked) >= 2
    assert not any(record.exposed.any() for record in it.records)


def test_turns_take_so_many_steps(tmp_path):
    job = dict(JOB, adversary=TURNS | {'period': 2})
    with load_run(simulated(job, tmp_path / 'run.h5')) as run:
        turns = [np.flatnonzero(row).tolist() for row in run.dawdles]
        assert turns == [[0], [0], [4], [4], [0], [0]]


# --- one worker by itself ----------------------------------------------

class LateBench(WorkerBench):
    """A worker of a challenged job, late or not, and what it is told."""

    def __init__(self, adversary=LATE):
        super().__init__(assembled(adversary=adversary,
                                   delay={'name': 'none'}), 4)
        self.begin(0, scale=0)

    def encode(self, epoch=0):
        """The signal that asks this worker alone for all of its files."""
        transfer, mine = self.assembly.transfer, self.worker.files
        finished = np.zeros_like(self.assembly.assignment.incidence)
        finished[mine, 4] = True
        round_ = transfer.round(0, epoch)
        round_.ask(finished)
        self.worker.handle(Encode(self.worker.step, epoch, 0,
                                  *transfer.pack(round_.state)))

    def challenge(self, epoch=0):
        wanted = np.packbits(np.ones(9, dtype=bool)).tobytes()
        self.worker.handle(Challenge(self.worker.step, epoch, files=wanted))

    def until(self, second):
        """All that it says until some second, reports left out."""
        self.clock.now, said = second, []
        while self.worker.due <= second:
            message = self.worker.advance()
            if message is not None and not isinstance(message, Progress):
                said.append(message)
        return said


@pytest.mark.parametrize('end', [Commit(0), Model(1, position=1)],
                         ids=['commit', 'model'])
def test_what_ends_the_step_ends_the_wait(end):
    it = LateBench()
    it.encode()
    assert not it.until(1.0)
    it.worker.handle(end)
    assert it.worker.due == it.worker.finishes == np.inf
    assert not it.until(9.0)


def test_a_later_signal_takes_the_place_of_an_earlier_one():
    it = LateBench()
    it.encode()
    assert not it.until(2.0)
    it.encode(epoch=1)
    assert not it.until(2.0 + 0.99 * SECONDS)
    assert it.worker.due == it.worker.finishes == 2.0 + SECONDS
    sent, = it.until(2.0 + SECONDS)
    assert sent.epoch == 1 and it.worker.state is State.COMPUTING


def test_all_that_was_reported_is_there_when_it_is_sent():
    """Also of files that may be skipped: it said that it has them."""
    it = LateBench()
    it.worker.handle(Skip(0, files=np.packbits(
        np.ones(9, dtype=bool)).tobytes()))
    it.encode()
    sent, = it.until(SECONDS)
    total = np.zeros(it.assembly.d)
    for file in it.worker.files:
        it.assembly.problem.gradient(
            np.zeros(it.assembly.d, dtype=np.float32),
            it.assembly.batches.samples(0, file), total)
    assert np.array_equal(sent.buffer.values, total.astype(np.float32))


def test_a_challenge_may_come_before_the_vector_has_left():
    """Both are answered, in that order; late ones each in its own time."""
    it = LateBench(adversary={})
    assert not it.until(99.0)
    it.encode()
    it.challenge()
    assert it.worker.state is State.SENDING
    assert [type(message) for message in it.until(99.0)] == [
        CodedGradient, Sketch]
    assert it.worker.state is State.COMPUTING

    it = LateBench()
    it.encode()
    assert not it.until(1.0)
    it.challenge()
    vector, = it.until(SECONDS)
    sketch, = it.until(1.0 + SECONDS)
    assert isinstance(vector, CodedGradient) and isinstance(sketch, Sketch)


def test_a_later_challenge_takes_the_place_of_an_earlier_one():
    it = LateBench(adversary={})
    it.until(99.0)
    it.challenge()
    it.challenge(epoch=1)
    assert [message.epoch for message in it.until(99.0)] == [1]


# --- the truth ---------------------------------------------------------

JOB = {'run': {'steps': 6, 'seed': 7},
       'problem': {'name': 'quadratic', 'parameters': 13},
       'scheme': {'name': 'robust-partial', 'workers': 9, 'adversaries': 2},
       'delay': {'name': 'constant', 'mean': 0.1},
       'faults': {'silence': 9.0}}


def simulated(job, path):
    """The log of a job."""
    written = path.with_suffix('.toml')
    written.write_text(tomli_w.dumps(job))
    code, log = simulate(written, out=path)
    assert code == DONE
    return log


def test_the_log_says_who_dawdled_and_counts_no_wrong_file(tmp_path):
    job = dict(JOB, adversary=LATE)
    with load_run(simulated(job, tmp_path / 'run.h5')) as run:
        assert np.flatnonzero(run.adversaries.all(axis=0)).tolist() == [0, 4]
        assert np.array_equal(run.dawdles, run.adversaries)
        assert not run.lies.any() and not run.payload_lies.any()
        assert not run.lied.any() and not run.wrong_files.any()
        assert run.late[:, [0, 4]].all() and not run.excluded.any()
        assert run.account[-1].nonzero()[0].tolist() == [0, 4]
