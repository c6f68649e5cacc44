"""A problem is told of every micro-batch before it computes its gradient."""

import numpy as np
import pytest

from aspis_mpi import Problem, load_run, simulate
from aspis_mpi.assembly.rehearsing import rehearse
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.simulated import VirtualClock
from aspis_mpi.errors import BAD_JOB, DONE, JobError, Mistake
from aspis_mpi.job import loading
from aspis_mpi.learning.guard.problem import Guard
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.protocol.messages import Answer, Model, Parameters, Probe

#: Of files of five samples: the last micro-batch is smaller.
SIZES = {'batch_size': 50, 'micro_batch': 2}


class Noted(Quadratic):
    """Keeps what it was told; its gradients have dropped out entries."""

    def __init__(self, seed=7):
        super().__init__(seed, parameters=12)
        self.told, self.drawn = [], None

    def begin(self, step, samples):
        assert self.drawn is None and not samples.flags.writeable
        self.told.append((step, *samples.tolist()))
        self.drawn = np.random.default_rng([self.seed, step, samples[0]])

    def gradient(self, parameters, samples, out):
        assert self.told[-1][1:] == tuple(samples.tolist())
        mask, self.drawn = self.drawn.random(12) < 0.5, None
        part = np.zeros_like(out)
        super().gradient(parameters, samples, part)
        out += part * mask


@pytest.fixture
def assemble(tables):
    """An assembly of a job with `Noted`, and what that was told."""
    def make(**sections):
        job = tables(**sections)
        job['problem'] = SIZES
        assembly = Assembly(loading.from_tables(job, problem=Noted), Noted)
        return assembly, assembly.problem.told
    return make


def expected(assembly, *files):
    """The micro-batches of files, given as pairs of step and number."""
    told = []
    for step, file in files:
        samples = assembly.batches.samples(step, file).tolist()
        told += [(step, *samples[at:at + 2])
                 for at in range(0, len(samples), 2)]
    return told


def work(worker, assembly, announcement):
    """Give a worker parameters, and let it say all that it has to."""
    worker.handle(announcement)
    buffer = assembly.pools().gradients.take()
    buffer.values[:] = 3
    worker.handle(Parameters(announcement.turn, buffer=buffer))
    said = []
    while worker.due <= 0:
        message = worker.advance()
        if message is not None:
            said.append(message)
            message.buffer.release()
    return said


def test_a_worker_an_audit_and_the_probe_compute_alike(assemble):
    """Also a liar where it computes the truth."""
    assembly, told = assemble(scheme={'name': 'aspis'})
    files = [(3, file) for file in assembly.assignment.files(0).tolist()]
    worker = assembly.worker(0, VirtualClock())
    assert len(work(worker, assembly, Model(3, position=3))) == len(files)
    honest = told.copy()
    assert honest == expected(assembly, *files)

    told.clear()
    for step, file in files:
        assembly.auditor().gradient(step, file, np.zeros(12, 'f4'))
    assert told == honest

    lying, told = assemble(scheme={'name': 'aspis'}, adversary={
        'count': 1, 'workers': [0], 'value': 'reversed'})
    liar = lying.worker(0, VirtualClock())
    assert len(work(liar, lying, Model(3, position=3))) == len(files)
    assert told == honest


def test_so_do_colluders_who_want_to_know_other_files(assemble):
    assembly, told = assemble(scheme={'name': 'aspis'}, adversary={
        'count': 1, 'workers': [0], 'value': 'foe', 'sample': 4})
    first, *rest = assembly.assignment.files(0).tolist()
    work(assembly.worker(0, VirtualClock()), assembly, Model(0, position=0))
    assert told == expected(assembly, *(
        (0, file) for file in [first, *range(4), *rest]))


@pytest.mark.parametrize('adversary', [
    {}, {'count': 1, 'workers': [0]},
    {'count': 1, 'workers': [0], 'protocol': 'narrow'}])
def test_both_sides_of_the_probe_are_told_of_its_files(assemble, adversary):
    assembly, told = assemble(scheme={'name': 'aspis'}, adversary=adversary)
    answer, = work(assembly.worker(0, VirtualClock()), assembly, Probe(-1))
    assert isinstance(answer, Answer)
    assert told == expected(assembly, *assembly.trials)

    told.clear()
    server = assembly.server(VirtualClock(), probes=True)
    server.start()
    server.proceed()
    assert told == expected(assembly, *assembly.trials)


def test_masks_of_a_micro_batch_are_replicas_with_equal_bits(tables,
                                                             tmp_path):
    """On every rank, with audits; nothing is remarked, nobody accused."""
    made = []

    def make(seed):
        made.append(Noted(seed))
        return made[-1]
    job = tables(scheme={'name': 'aspis'}, detection={
        'audits': 'none', 'random_audits': 3}, run={'steps': 5})
    job['problem'] = SIZES
    code, path = simulate(loading.from_tables(job, problem=make), make,
                          out=tmp_path / 'run.h5', separate=True)
    with load_run(path) as run:
        assert (code, [event.text for event in run.events
                       if event.level > 20]) == (DONE, [])
        assert not run.read('disagreements').any()
    # Rank 0 and five workers, each of which has its own files of each step.
    assert len(made) == 6
    assembly = Assembly(loading.from_tables(job, problem=Noted), Noted)
    for number, problem in enumerate(made[1:]):
        files = assembly.assignment.files(number).tolist()
        steps = [(step, file) for step in range(5) for file in files]
        assert problem.told == expected(
            assembly, *assembly.trials, *steps)


def test_drawing_is_not_taken_for_a_mean_nor_for_no_sum(assemble):
    assembly, told = assemble()
    assert rehearse(assembly) == ()
    assert {step for step, *_ in told} == {0}


def test_a_mean_is_remarked_all_the_same():
    class Mean(Noted):
        def gradient(self, parameters, samples, out):
            part, self.drawn = np.zeros_like(out), None
            Quadratic.gradient(self, parameters, samples, part)
            out += part / len(samples)
    job = loading.from_tables({
        'run': {'steps': 1}, 'problem': SIZES | {'micro_batch': 5},
        'scheme': {'workers': 5}}, problem=Mean)
    remark, = rehearse(Assembly(job, Mean))
    assert 'seems to be their mean' in remark.text


def says_something(self, step, samples):
    return step


def raises(self, step, samples):
    raise KeyError('no such sample')


@pytest.mark.parametrize('begin, told', [
    (says_something, 'Noted.begin returns 0; it must return nothing'),
    (raises, 'Noted.begin raised KeyError'),
    (lambda self, step, samples: samples.sort(), 'writes what it is given'),
    (lambda self, samples: None, 'positional arguments but 3 were given'),
    ('first', 'not callable')])
def test_what_can_only_be_wrong_is_refused(tables, tmp_path, begin, told):
    wrong = type('Noted', (Noted,), {'begin': begin})
    job = tables()
    job['problem'] = SIZES
    with pytest.raises(JobError, match=told) as refused:
        simulate(loading.from_tables(job, problem=wrong), wrong,
                 out=tmp_path / 'run.h5')
    assert 'problem: Noted.begin' in str(refused.value)
    assert refused.value.exit_code == BAD_JOB


class Proxy:
    """A problem in another one's place, which has all that the other has."""

    def __init__(self, inside):
        self.inside = inside

    def __getattr__(self, name):
        return getattr(self.inside, name)


def test_a_problem_without_it_is_not_asked():
    class Bare:
        def gradient(self, parameters, samples, out):
            out += 1
    for problem in Quadratic(7), Problem(), Bare(), Proxy(Quadratic(7)):
        assert not Guard(problem).prepares
    for problem in Noted(), Proxy(Noted()):
        assert Guard(problem).prepares


def test_it_is_looked_up_once():
    looked = []

    class Watched(Quadratic):
        @property
        def begin(self):
            looked.append(1)
            return None
    guard = Guard(Watched(7, parameters=12))
    for step in range(3):
        guard.gradient(step, np.zeros(12, 'f4'), np.arange(3),
                       np.zeros(12, 'f4'))
    assert looked == [1]


def test_it_comes_after_what_is_tried_first():
    """So that nothing comes between it and its gradient."""
    problem = Noted()

    def trial(guard, step, parameters, samples):
        guard.gradient(step, parameters, samples[:1], np.zeros(12, 'f4'))
    guard = Guard(problem, rehearsal=trial)
    guard.gradient(4, np.zeros(12, 'f4'), np.arange(3), np.zeros(12, 'f4'))
    assert problem.told == [(4, 0), (4, 0, 1, 2)]


def test_a_mistake_in_the_midst_of_a_run_is_told(assemble):
    assembly, _ = assemble(scheme={'name': 'aspis'})

    def begin(step, samples):
        raise OverflowError(f'step {step}')
    assembly.problem.begin = begin
    with pytest.raises(Mistake, match='Noted.begin raised OverflowError: st'):
        work(assembly.worker(0, VirtualClock()), assembly,
             Model(5, position=5))
