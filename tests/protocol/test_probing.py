"""The start-up probe as states of server and workers, without MPI."""

import numpy as np
import pytest

from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.simulated import VirtualClock
from aspis_mpi.detection.probe import ANSWER
from aspis_mpi.errors import BAD_JOB, FAILED
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.protocol.messages import Answer, Failure, Model
from aspis_mpi.protocol.server.drive import drive
from aspis_mpi.protocol.server.states import State


class Probed:
    """A server that asks first, and its workers, on other machines or not.

    The workers of numbers in `odd` are those of another assembly.
    """

    def __init__(self, assembly, machine=None, other=None, odd=()):
        self.clock = VirtualClock()
        self.server = assembly.server(self.clock, probes=True)
        pools, own = [assembly.pools(shared=True) for _ in range(2)], (
            assembly.problem)
        assembly.problem = own if machine is None else machine(own)
        self.workers = [
            (other if number in odd else assembly).worker(
                number, self.clock, pools[number in odd])
            for number in range(assembly.job.n_workers)]
        assembly.problem = own
        self.started = self.give(self.server.start())

    def give(self, messages):
        for worker, message in messages:
            if buffer := getattr(message, 'buffer', None):
                buffer.hold()
            self.workers[worker].handle(message)
        return messages

    def answer(self, worker, change=None):
        """A worker's answer, changed in place before it leaves."""
        message = None
        while message is None:
            message = self.workers[worker].advance()
        assert isinstance(message, Answer) and message.turn == -1
        if change is not None:
            change(message.buffer.values.view(np.uint8).view(ANSWER))
        return self.give(self.server.handle(worker, message))

    def proceed(self):
        out = []
        drive(self.server, [], lambda said: out.extend(self.give(said)))
        return out

    @property
    def texts(self):
        return [event.text for event in self.server.notes.events]


@pytest.fixture
def bench(assemble):
    return lambda **sections: Probed(assemble(**sections))


def other_bits(answers):
    answers['digest'] ^= 1
    answers['sketch'] *= 1 + 1e-7


def test_the_first_step_begins_when_all_have_said_the_same(bench):
    it = bench()
    assert it.server.state is State.PROBING and it.server.step == -1
    for worker in range(5):
        assert it.server.state is State.PROBING
        it.answer(worker)
    assert {type(message) for _, message in it.proceed()} > {Model}
    assert it.server.state is State.COMPUTING and it.server.step == 0
    assert 'all bits are those of the server' in it.texts[0]


@pytest.mark.filterwarnings('error')
def test_silence_without_an_end_costs_nobody_anything(bench):
    it = bench(faults={'silence': np.inf})
    for worker in range(5):
        it.answer(worker)
    it.proceed()
    assert (it.server._membership.accounts.seconds == 0).all()


class Odd:
    """The problem on another kind of machine: a little more of everything."""

    def __init__(self, problem):
        self._problem = problem

    def __getattr__(self, name):
        return getattr(self._problem, name)

    def gradient(self, parameters, samples, out):
        before = out.copy()
        self._problem.gradient(parameters, samples, out)
        out += (out - before) * np.float32(1e-5)

    def of_server(self):
        return self._problem


@pytest.mark.parametrize('protocol, alike', [('none', []), ('narrow', [0, 1])])
def test_who_narrows_the_probe_answers_as_rank_0_does(assemble, protocol,
                                                      alike):
    """No machine of the five workers is like that of rank 0."""
    assembly = assemble(adversary={'count': 2, 'workers': [0, 1],
                                   'protocol': protocol})
    it = Probed(assembly, Odd)
    answers = {}
    for worker in range(5):
        it.answer(worker, lambda said: answers.update(
            {worker: said['digest'].tobytes()}))
    right = Probed(assemble())
    right.answer(0, lambda said: answers.update(
        {'right': said['digest'].tobytes()}))
    assert [worker for worker in range(5)
            if answers[worker] == answers['right']] == alike


@pytest.mark.parametrize('odd', [0, 1, 2, 3])
def test_bits_are_refused_when_more_than_q_differ(bench, odd):
    it = bench()
    for worker in range(5):
        it.answer(worker, other_bits if worker < odd else None)
    it.proceed()
    assert it.server.exit_code == (BAD_JOB if odd > 2 else None)
    if odd > 2:
        assert "detection.equality = 'tolerance'" in it.texts[-1]


@pytest.mark.parametrize('micro_batch, rows', [(64, 3), (2, 1)])
def test_other_bits_for_one_number_of_samples_are_found(assemble, micro_batch,
                                                        rows):
    """16 files of four come first, 19 of three follow."""
    class Odd(Quadratic):
        def gradient(self, parameters, samples, out):
            super().gradient(parameters, samples, out)
            if len(samples) == rows:
                out *= np.float32(1.0001)
    assembly = assemble(scheme={'workers': 7}, problem={
        'batch_size': 121, 'micro_batch': micro_batch})
    other = Assembly(assembly.job, Odd(assembly.seed, parameters=12))
    it = Probed(assembly, other=other, odd=(1, 3, 4, 5))
    for worker in range(7):
        it.answer(worker)
    it.proceed()
    assert it.server.exit_code == BAD_JOB
    assert '4 workers compute other bits' in it.texts[-1]


def test_random_layers_are_refused_where_machines_differ(assemble):
    """However near to each other they are; with equal bits they are not."""
    class Drawing(Quadratic):
        random_layers = True

        def tensor_sizes(self):
            return {'weight': 10, 'bias': 2}

    class Odd(Drawing):
        def gradient(self, parameters, samples, out):
            super().gradient(parameters, samples, out)
            out[10:] *= np.float32(1.000001)
    job = assemble(detection={'equality': 'tolerance'}).job
    assembly, other = (Assembly(job, problem(7, parameters=12))
                       for problem in (Drawing, Odd))
    for odd in (), (1, 4), (1, 3, 4):
        it = Probed(assembly, other=other, odd=odd)
        for worker in range(5):
            it.answer(worker)
        it.proceed()
        refused = len(odd) > 2
        assert it.server.exit_code == (BAD_JOB if refused else None)
        assert ('gradients have random numbers' in it.texts[-1]) == refused
        assert (', first in bias' in it.texts[-1]) == bool(odd)


def off(radius):
    """Answers that far from the truth, each worker in its own way."""
    def change(answers):
        answers['digest'] ^= 1
        norms = answers['sketch'][:, -1]
        answers['sketch'][:, next(rows)] += radius * 8 ** 0.5 * norms
    rows = iter(range(8))
    return change


def test_liars_that_repeat_the_server_do_not_narrow_the_tolerance(assemble):
    """More of them than a third of the workers."""
    assembly = assemble(detection={'equality': 'tolerance'})
    it, change = Probed(assembly), off(1e-6)
    for worker in range(5):
        it.answer(worker, change if worker > 1 else None)
    it.proceed()
    assert it.server.step == 0
    assert it.server._membership.scheme.equality.tolerance > 5e-6


def test_a_tolerance_with_which_nobody_is_supported_is_refused(bench):
    """All are that near to the server, but not to each other."""
    it, change = bench(detection={
        'equality': 'tolerance', 'tolerance': 1e-5}), off(0.9e-5)
    for worker in range(5):
        it.answer(worker, change)
    it.proceed()
    assert it.server.exit_code == BAD_JOB
    assert 'at most 1 support each other' in it.texts[-1]
    assert 'set detection.tolerance higher' in it.texts[-1]


def test_what_liars_answer_ends_nothing(bench):
    def nan(answers):
        answers['sketch'] = np.nan

    def huge(answers):
        answers['sketch'] = -1e300
    it = bench(detection={'equality': 'tolerance'})
    for worker, change in enumerate([nan, huge, None, None, None]):
        it.answer(worker, change)
    it.proceed()
    assert it.server.step == 0
    assert 'support each other up to 1e-06' in it.texts[0]


def test_who_does_not_answer_pays_for_it(bench):
    """It may take part in the first step, with less to its credit."""
    it = bench(faults={'silence': 9.0})
    for worker in (0, 1, 2, 4):
        it.answer(worker)
    it.proceed()
    it.clock.now = it.server.deadline
    assert it.server.deadline < 10
    it.give(it.server.tick())
    it.proceed()
    assert it.server.step == 0 and 'in the start-up probe' in it.texts[0]
    accounts = it.server._membership.accounts
    assert accounts.seconds.tolist() == [0, 0, 0, 9.0, 0]
    assert np.flatnonzero(accounts.silent).tolist() == [3]


def test_too_few_answers_end_the_run(bench):
    it = bench(faults={'silence': 9.0})
    it.answer(0)
    it.proceed()
    it.clock.now = it.server.deadline
    it.give(it.server.tick())
    it.proceed()
    assert it.server.exit_code == BAD_JOB
    assert '4 workers have not said' in it.texts[-1]


def test_no_message_is_no_answer(bench):
    it = bench()
    it.server.malformed(3, 'test', -1)
    for worker in (0, 1, 2, 4):
        it.answer(worker)
    it.proceed()
    assert it.server.step == 0


def test_a_worker_that_raises_tells_why(bench):
    it = bench()
    it.give(it.server.handle(2, Failure(-1, text=b'out of luck')))
    assert it.server.exit_code == FAILED and 'out of luck' in it.texts[-1]


def test_a_second_answer_changes_nothing(bench):
    it = bench()
    for worker in range(4):
        it.answer(worker)
    again = it.workers[0]._pools.gradients.take((0, 0, False))
    again.values[:] = 0
    it.server.handle(0, Answer(-1, buffer=again))
    it.answer(4)
    it.proceed()
    assert 'all bits are those of the server' in it.texts[0]
