"""Jobs that are killed or stopped, and whether two runs are the same."""

import os
import signal

import numpy as np
import tomli_w

from aspis_mpi import load_run
from aspis_mpi.learning.problems.quadratic import Quadratic

STEPS, EVERY = 24, 5

#: Whatever outlives a step is in one of them: momentum, exposures, an order
#: of computing, absences, speeds.
JOBS = {
    'aspis': {'scheme.name': 'aspis', 'scheme.adversaries': 2,
              'adversary.count': 2, 'adversary.who': 'random'},
    'certified, window': {
        'scheme.adversaries': 2, 'detection.memory': 'window',
        'detection.window': 7, 'adversary.count': 2,
        'adversary.files': 'random', 'adversary.who': 'window',
        'adversary.window': 9},
    'degree, renamed': {
        'scheme.adversaries': 1, 'assignment.rename': True,
        'detection.name': 'degree', 'detection.window': 7,
        'detection.budget': 'fixed', 'adversary.count': 1,
        'adversary.files': 'random', 'adversary.rate': 0.1},
    'robust-partial, fixed': {
        'scheme.name': 'robust-partial', 'scheme.adversaries': 1,
        'detection.budget': 'fixed', 'adversary.count': 1,
        'adversary.files': 'random', 'delay.name': 'exponential'},
    'partial, reordered': {
        'scheme.name': 'partial', 'assignment.reorder': 4,
        'delay.name': 'exponential', 'delay.mean': 0.1},
    'adaptive': {
        'scheme.name': 'partial', 'collection.name': 'adaptive',
        'collection.deadline': 0.5,
        'delay.name': 'shifted-exponential', 'delay.mean': 0.1},
    'all at once': {
        'scheme.name': 'partial', 'collection.name': 'deadline',
        'collection.deadline': 0.5},
    'silent': {'scheme.name': 'aspis', 'delay.silent': [4],
               'delay.silent_from': 2, 'faults.silence': 0.5},
    'split': {
        'scheme.name': 'robust-partial', 'scheme.adversaries': 1,
        'problem.file_sizes': 'zipf', 'problem.micro_batch': 2,
        'problem.summation': 'tree', 'assignment.split': True,
        'adversary.count': 1, 'adversary.files': 'random',
        'delay.name': 'exponential'},
    'tolerance': {
        'scheme.adversaries': 1, 'detection.equality': 'tolerance',
        'adversary.count': 1, 'adversary.files': 'random'},
    'integers': {
        'scheme.name': 'robust-partial', 'scheme.adversaries': 1,
        'compression.name': 'integer', 'compression.keep': 0.5,
        'adversary.count': 1, 'adversary.files': 'random',
        'delay.name': 'exponential'},
}
#: In which workers are proved wrong.
EXPOSING = {'certified, window', 'robust-partial, fixed', 'split',
            'tolerance', 'integers'}


class Killed(BaseException):
    """Exception that no handler of the run takes for one of the problem."""


class Mortal(Quadratic):
    """Raises, or is sent a signal, when it is evaluated some time."""

    name = 'mortal'
    dies_at = signal_at = None

    def __init__(self, seed, *, parameters: int = 40):
        super().__init__(seed, parameters=parameters)
        self._calls = 0

    def evaluate(self, parameters):
        """As ever, if it survives."""
        self._calls += 1
        if self._calls == self.dies_at:
            raise Killed
        if self._calls == self.signal_at:
            os.kill(os.getpid(), signal.SIGUSR1)
        return super().evaluate(parameters)


def written(folder, keys=()):
    """The path of a job of six workers."""
    settings = {
        'run.steps': STEPS, 'run.seed': 3, 'run.evaluate_every': 1,
        'run.checkpoint_every': EVERY, 'problem.name': 'quadratic',
        'problem.batch_size': 60,
        'scheme.workers': 6, 'log.detail': 'arrivals',
        'log.flush_seconds': 0.0} | dict(keys)
    tables = {}
    for name, value in settings.items():
        section, _, key = name.partition('.')
        tables.setdefault(section, {})[key] = value
    path = folder / 'job.toml'
    path.write_text(tomli_w.dumps(tables))
    return path


def mortal(dies_at=None, signal_at=None):
    """Such a problem; the first evaluation is of the initial parameters."""
    problem = Mortal(3)
    problem.dies_at, problem.signal_at = dies_at, signal_at
    return problem


def saved(log):
    with np.load(log.with_suffix('.npz')) as file:
        return file['parameters']


def assert_same_run(log, other, began=0):
    """Equal bits of the parameters, equal rows, evaluations and arrivals.

    In the step with which a run went on, new workers are told their order.
    """
    told = np.arange(STEPS) == began
    assert saved(log).tobytes() == saved(other).tobytes()
    with load_run(log) as one, load_run(other) as two:
        assert one.steps['step'].tolist() == list(range(STEPS))
        for name in one.steps.dtype.names:
            but = told & (name in ('bytes_out', 'messages'))
            np.testing.assert_array_equal(one.steps[name][~but],
                                          two.steps[name][~but], name)
        for name in ('flagged', 'exposed', 'excluded', 'disagreements',
                     'source', 'contributors', 'copies', 'files_done',
                     'first_report', 'last_report', 'lies', 'adversaries'):
            np.testing.assert_array_equal(one.read(name), two.read(name),
                                          name)
        assert one.evaluation.tobytes() == two.evaluation.tobytes()
        assert one.arrivals.tobytes() == two.arrivals.tobytes()


def assert_same_exposures(log, other, began, first=0):
    """Equal proofs from a step on.

    The step with which a run went on repeats those of the step before.
    """
    with load_run(log) as one, load_run(other) as two:
        mine, theirs = ([it for it in run.exposures if it.step >= first]
                        for run in (one, two))
        assert [it for it in mine if it in theirs] == theirs
        assert {it.step for it in mine if it not in theirs} <= {began}
        return len(theirs)
