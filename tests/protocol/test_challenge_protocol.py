"""The order of a challenge: what counts, when, and what is asked again."""

import numpy as np
import pytest

from aspis_mpi import streams
from aspis_mpi.attacks.protocol.payloads import Payloads
from aspis_mpi.backends.simulated import VirtualClock
from aspis_mpi.protocol.messages import (
    Challenge, CodedGradient, Encode, Sketch)
from aspis_mpi.protocol.server.states import State
from aspis_mpi.protocol.worker.machine import Worker
from aspis_mpi.protocol.worker.states import ASKED
from aspis_mpi.schemes.record import Outcome
from tests.support.challenged_jobs import (
    SUBSET, OnOneFile, Run, assembled, liars)
from tests.support.coded_jobs import Eager, distance


class Hand:
    """A server and workers whose messages are handed over one by one.

    What the server says arrives at once; all files take no time.
    """

    def __init__(self, **sections):
        job = {'collection': {'name': 'all'}, 'delay': {'name': 'none'}}
        self.assembly = assembled(**job | sections)
        self.clock = VirtualClock()
        self.server = Eager(self.assembly.server(self.clock))
        pools = self.assembly.pools(shared=True)
        self.pools = pools
        self.workers = [self.assembly.worker(number, self.clock, pools)
                        for number in range(self.assembly.job.n_workers)]
        self.told = []
        self.tell(self.server.start())

    @property
    def state(self):
        return self.server.state

    @property
    def step(self):
        return self.server.server._step

    @property
    def last(self):
        return self.server.records[-1]

    def tell(self, messages):
        for worker, message in messages:
            if buffer := getattr(message, 'buffer', None):
                buffer.hold()
            self.told.append((worker, message))
            self.workers[worker].handle(message)

    def say(self, worker, message):
        self.tell(self.server.handle(worker, message))

    def report(self):
        """Everybody computes everything; the signal follows."""
        for number, worker in enumerate(self.workers):
            while worker.finishes <= self.clock.now and (
                    worker.state not in ASKED):
                message = worker.advance()
                if message is not None:
                    self.say(number, message)

    def answers(self):
        """What those who were asked have to say, by worker."""
        return {number: worker.advance()
                for number, worker in enumerate(self.workers)
                if worker.state in ASKED}

    def say_all(self, answers):
        for worker, message in answers.items():
            self.say(worker, message)

    def vector(self, step, epoch, value=1e9):
        """A vector that a liar makes up."""
        buffer = self.pools.payloads.take().front(4 * self.assembly.d)
        buffer.values.fill(value)
        return CodedGradient(step, epoch, 0, buffer)

    def sketch(self, step, epoch, value=1e9):
        buffer = self.pools.sketches.take()
        buffer.values.view(np.float64).fill(value)
        return Sketch(step, epoch, 0, buffer)

    def silence(self, worker):
        self.tell(self.server.server.give_up([worker]))

    def truth(self):
        """The parameters, had the files that were used been right."""
        it = Run.__new__(Run)
        it.assembly, it.server = self.assembly, self.server
        return it.truth()

    def check(self):
        """The step is over, nobody was exposed, its update is right."""
        assert len(self.server.records) == 1
        assert not self.last.exposed.any()
        assert distance(self.server.values, self.truth()) < 1e-4


@pytest.fixture
def drawn(monkeypatch):
    """All that was taken from the operating system's randomness."""
    found, draw = [], streams.os.urandom

    def noted(n):
        found.append(draw(n))
        return found[-1]
    monkeypatch.setattr(streams.os, 'urandom', noted)
    return found


# --- when the seed is drawn --------------------------------------------

@pytest.mark.parametrize('transfer', ['sums', 'coded'])
def test_the_seed_is_drawn_when_every_vector_is_there(drawn, transfer):
    """Fails where it is drawn with the signal, or with the first vector:
    whoever is the last to send would know it."""
    it = Hand(transfer={'name': transfer})
    it.report()
    vectors = it.answers()
    assert len(vectors) > 5 and it.state is State.ENCODING
    for worker, message in vectors.items():
        assert not drawn and it.state is State.ENCODING
        assert not any(isinstance(said, Challenge) for _, said in it.told)
        it.say(worker, message)
    assert len(drawn) == 1 and it.state is State.VERIFYING
    seeds = {said.seed for _, said in it.told if isinstance(said, Challenge)}
    assert seeds == set(drawn)
    it.say_all(it.answers())
    it.check()


@pytest.mark.parametrize('transfer', ['sums', 'coded'])
def test_a_vector_that_comes_after_its_seed_does_not_count(transfer):
    """Fails where a vector is taken while sketches are awaited."""
    it = Hand(transfer={'name': transfer})
    it.report()
    vectors = it.answers()
    late = min(vectors)
    it.say_all({worker: message for worker, message in vectors.items()
                if worker != late})
    it.silence(late)
    while it.state is State.ENCODING:
        it.say_all({worker: message for worker, message
                    in it.answers().items() if worker != late})
    assert it.state is State.VERIFYING
    vectors[late].buffer.release()
    for epoch in range(it.step.epoch + 1):
        it.say(late, it.vector(0, epoch))
    it.say_all(it.answers())
    it.check()
    assert not it.last.contributors[:, late].any()


def test_a_second_vector_does_not_replace_the_first():
    """Fails where whoever has sent may send again, or be exposed by it."""
    it = Hand()
    it.report()
    vectors = it.answers()
    first = min(vectors)
    for worker, message in vectors.items():
        it.say(worker, message)
        it.say(first, it.vector(0, 0))
    assert it.state is State.VERIFYING
    it.say(first, it.vector(0, 0))
    it.say_all(it.answers())
    it.check()


@pytest.mark.parametrize('step, epoch', [(0, 1), (0, -1), (1, 0), (-1, 0)])
@pytest.mark.parametrize('kind', ['vector', 'sketch'])
def test_what_was_not_asked_for_now_is_dropped(kind, step, epoch):
    """Fails where sketches or vectors of another epoch, or of another step,
    are taken for those that are awaited."""
    it = Hand()
    it.report()
    vectors = it.answers()
    if kind == 'vector':
        it.say(min(vectors), it.vector(step, epoch))
    it.say_all(vectors)
    sketches = it.answers()
    if kind == 'sketch':
        for worker in sketches:
            it.say(worker, it.sketch(step, epoch))
        assert it.state is State.VERIFYING and it.step.awaited.all()
    it.say_all(sketches)
    it.check()
    assert it.last.verdict is Outcome.CLEAN


def test_the_last_steps_answers_are_dropped():
    """Fails where only the number of the epoch is looked at."""
    it = Hand()
    it.report()
    it.say_all(it.answers())
    old = it.answers()
    kept = {worker: message.buffer.values.copy()
            for worker, message in old.items()}
    it.say_all(old)
    it.report()
    it.say_all(it.answers())
    assert it.server.step == 1 and it.state is State.VERIFYING
    for worker, values in kept.items():
        again = it.sketch(0, 0)
        again.buffer.values[:] = values
        it.say(worker, again)
    assert it.step.awaited.all()
    it.say_all(it.answers())
    assert [record.verdict for record in it.server.records] == (
        [Outcome.CLEAN] * 2)


def test_what_a_worker_that_was_given_up_answers_proves_nothing():
    """Fails where its sketches are compared after all."""
    it = Hand()
    it.report()
    it.say_all(it.answers())
    sketches = it.answers()
    late = max(sketches)
    sketches.pop(late).buffer.release()
    it.silence(late)
    it.say(late, it.sketch(0, 0))
    it.say_all(sketches)
    while not it.server.records:
        it.say_all({worker: message for worker, message
                    in it.answers().items() if worker != late})
        it.say(late, it.sketch(0, it.step.epoch))
    it.check()
    assert not it.last.disagreements.any()
    assert not it.last.contributors[:, late].any()


# --- what is asked again -----------------------------------------------

@pytest.fixture
def heard(monkeypatch):
    """The messages of the server of each kind, in order, once each."""
    found, handle = {}, Worker.handle

    def noted(self, message):
        them = found.setdefault(type(message), [])
        if not any(message is one for one in them):
            them.append(message)
        handle(self, message)
    monkeypatch.setattr(Worker, 'handle', noted)
    return found


def owners(signal):
    """Who sends which file."""
    return np.frombuffer(signal.owners, dtype='<i2')


@pytest.mark.parametrize('seed', range(4))
def test_only_what_failed_is_asked_for_again(heard, seed):
    """Fails where vectors that were verified are sent or sketched again."""
    it = Run(assembled(**SUBSET | {'run': {'steps': 1, 'seed': seed}},
                       collection={'name': 'all'},
                       adversary=liars(0, protocol='payloads')))
    first, second = map(owners, heard[Encode])
    failed = first == 0
    assert failed.any() and np.array_equal(second >= 0, failed)
    asked = [np.unpackbits(np.frombuffer(message.files, dtype=np.uint8),
                           count=failed.size).astype(bool)
             for message in heard[Challenge]]
    assert asked[0].all() and np.array_equal(asked[1], failed)
    assert np.array_equal(it.last.source,
                          np.where(failed, second, first))
    sent = {worker for _, epoch, worker in it.server.asked if epoch == 1}
    assert sent == set(second[failed].tolist())


def test_each_epoch_has_a_seed_of_its_own(heard):
    """Fails where a seed is used again, or follows from the run's."""
    for _ in range(2):
        Run(assembled(**SUBSET | {'run': {'steps': 4}}, adversary=liars(
            0, protocol='payloads')))
    seeds = [message.seed for message in heard[Challenge]]
    assert len(seeds) == 16 == len(set(seeds))
    assert all(len(seed) == 16 for seed in seeds)


@pytest.mark.parametrize('transfer', ['sums', 'coded'])
def test_after_the_last_epoch_what_was_verified_counts(transfer):
    """Fails where a step without epochs left is thrown away, or where the
    divisor counts files that are not there."""
    for most, whole in (1, False), (2, True):
        it = Run(assembled(
            **SUBSET | {'run': {'steps': 2}}, collection={'name': 'all'},
            adversary=liars(0, protocol='payloads'),
            transfer={'name': transfer, 'max_epochs': most}))
        for record in it.records:
            missing = record.source == -2
            assert record.epochs == most and missing.any() != whole
            assert missing.all() or record.verdict > Outcome.SKIPPED
            assert (record.verdict is Outcome.RESOLVED) == whole
        assert distance(it.values, it.truth()) < 1e-4
        if transfer == 'sums':
            assert not missing.all()


def suspicious(held, first):
    """A file of 1, 2 and three others that neither 1 nor 2 sends.

    One of them and the same three hold a file that 0 sends.
    """
    for file in np.flatnonzero(held[:, 1] & held[:, 2] & ~held[:, 0]):
        three = held[file] & (np.arange(9) > 2)
        sent = (held[:, three].all(axis=1) & held[:, 0]
                & held[:, 1:3].any(axis=1) & (first == 0))
        if first[file] > 2 and sent.any():
            return int(file), sent
    raise LookupError('no such file')


def two_kinds(heard, seed):
    """Worker 0 fails, 1 and 2 lie alike on one file.

    Of five holders four are left then, and three more liars to be found:
    each of the four certifies, and three disagreements expose nobody.
    """
    heard.clear()
    assembly = assembled(
        run={'seed': seed, 'steps': 1}, collection={'name': 'all'},
        assignment={'name': 'subset', 'replication': 5},
        scheme={'workers': 9, 'adversaries': 4}, adversary=liars(0, 1, 2))
    held = assembly.assignment.incidence
    drawn = assembly.transfer.round(0, 0)
    drawn.ask(held)
    file, sent = suspicious(held, drawn.state.owners)
    lie = OnOneFile({worker: int(held[:file, worker].sum())
                     for worker in (1, 2)})
    return Run(assembly, {0: Payloads(0), 1: lie, 2: lie}), file, sent


def test_who_is_in_a_matching_of_disagreements_owns_nothing_later(heard):
    """Fails where owners of a second epoch are any of those who have a
    file, or any but those whom nobody suspects: each edge of a matching has
    a liar, and who is left by it has fewer."""
    tried = 0
    for seed in range(20):
        it, file, sent = two_kinds(heard, seed)
        held = it.assembly.assignment.incidence
        first, second = map(owners, heard[Encode][:2])
        # Both liars are in every maximum matching, with two of the others.
        graph = it.last.disagreements
        assert np.array_equal(np.flatnonzero(graph[1]), np.setdiff1d(
            np.flatnonzero(held[file]), [1, 2]))
        assert np.array_equal(graph[1], graph[2])
        assert it.last.exposed.nonzero()[0].tolist() == [0]
        # The third of the others is left, though liars disagree with it.
        assert (first[sent] == 0).all() and (second[sent] > 2).all()
        others = held & ~graph[1]
        others[:, :3] = False
        free = (first == 0) & others.any(axis=1)
        tried += np.count_nonzero(free & held[:, 1:3].any(axis=1))
        assert (second[free] > 2).all()
        assert distance(it.values, it.truth()) < 1e-4
    assert tried > 100
