"""A rank that raises ends the job within seconds, and nothing is lost."""

import pytest

from aspis_mpi import load_run

#: Files one of three workers computes in a step, and before the first one,
#: each in one call.
LOAD, PROBED = 1, 4

KEYS = {'problem.name': 'mine:Problem', 'problem.parameters': 50,
        'problem.micro_batch': 64, 'run.steps': 500}

#: For four ranks.
SMALL = {'scheme.adversaries': 1}

ONE_WORKER = f'''
    def gradient(self, parameters, samples, out):
        if RANK == 3 and self.calls == {PROBED} + 3 * {LOAD}:
            note('raised')
            raise {{error}}
        self.calls += 1
        super().gradient(parameters, samples, out)
'''

ALL_WORKERS = '''
    def gradient(self, parameters, samples, out):
        if RANK:
            note('raised')
            raise RuntimeError('out of luck')
        super().gradient(parameters, samples, out)
'''

ALL_RANKS = '''
    def gradient(self, parameters, samples, out):
        note('raised')
        raise RuntimeError('out of luck')
'''

ONE_CONSTRUCTOR = '''
    def __init__(self, seed, *, parameters: int = 50):
        if RANK == {rank}:
            note('raised')
            raise {error}
        super().__init__(seed, parameters=parameters)
'''

#: Evaluated before the first step, after each second one and at the end.
EVALUATION = '''
    def evaluate(self, parameters):
        self.calls += 1
        if self.calls == {call}:
            note('raised')
            raise RuntimeError('out of luck')
        return super().evaluate(parameters)
'''


@pytest.fixture
def fail(module, job, launch, folder, noted):
    """Runs a job of a problem that raises; its end and its log."""
    def run(mpi, ranks, body, code=3, **keys):
        module(body)
        log = folder / 'run.h5'
        ended = launch(mpi, ranks, 'run', job(KEYS | keys), '--out', log)
        assert ended.code == code, ended.err
        raised = [seconds for seconds, word, _ in noted()
                  if word == 'raised']
        assert ended.time - min(raised) < 10
        return ended, log
    return run


def assert_told(ended, log, steps):
    """The traceback is in stderr and in the log, with all steps done."""
    with load_run(log) as run:
        assert run.steps['step'].tolist() == list(range(steps))
        last = run.events[-1].text
    for text in ended.err, last:
        assert 'Traceback' in text and 'out of luck' in text
        assert 'mine.py' in text
    return last


@pytest.mark.parametrize('error', ['RuntimeError("out of luck")',
                                   'SystemExit("out of luck")'])
def test_gradient_of_one_worker(mpi, error, fail):
    ended, log = fail(mpi, 4, ONE_WORKER.format(error=error), **SMALL)
    last = assert_told(ended, log, steps=3)
    assert 'rank 3 (worker 2) failed in step 3' in last


def test_gradients_of_all_workers(mpi, fail):
    ended, log = fail(mpi, 4, ALL_WORKERS, **SMALL)
    assert_told(ended, log, steps=0)


# The first call is before the first step: such a job is a bad one.
@pytest.mark.parametrize('body', [ALL_RANKS, EVALUATION.format(call=1)],
                         ids=['gradient', 'evaluate'])
def test_before_the_first_step(mpi, body, fail):
    ended, log = fail(mpi, 4, body, code=2, **SMALL)
    assert ended.err.count('Traceback') == 1
    assert 'out of luck' in ended.err and 'mine.py' in ended.err
    assert '/aspis_mpi/' not in ended.err
    assert not log.exists()


# In the midst of the run, and after everybody was told to end.
@pytest.mark.parametrize('call, steps, done', [(3, 8, 4), (5, 8, 8)])
def test_evaluation(mpi, call, steps, done, fail):
    ended, log = fail(mpi, 4, EVALUATION.format(call=call),
                      **SMALL | {'run.steps': steps, 'run.evaluate_every': 2})
    last = assert_told(ended, log, done)
    assert 'rank 0 failed' in last


@pytest.mark.parametrize('rank', [0, 3])
def test_constructor(mpi, rank, fail):
    error = 'RuntimeError("out of luck")'
    ended, log = fail(mpi, 4, ONE_CONSTRUCTOR.format(rank=rank, error=error),
                      **SMALL)
    assert ended.err.count('Traceback') == 1
    assert 'out of luck' in ended.err and 'mine.py' in ended.err
    assert not log.exists()


def test_constructor_that_refuses_on_one_worker(mpi, fail):
    """A path that is missing on one node, say."""
    error = 'ValueError("there is no /data/x")'
    ended, log = fail(mpi, 4, ONE_CONSTRUCTOR.format(rank=3, error=error),
                      code=2, **SMALL)
    line, = ended.lines
    assert 'rank 3' in line and 'there is no /data/x' in line
    assert 'Traceback' not in ended.err
    assert not log.exists()


@pytest.mark.parametrize('where, code', [
    ("raise RuntimeError('out of luck')", 2),
    ("""
class Problem:
    def __init__(self, seed, *, parameters=3):
        raise RuntimeError('out of luck')
""", 3)], ids=['import', 'constructor'])
def test_what_fails_on_every_rank_is_told_once(mpi, job, launch, folder,
                                               where, code):
    (folder / 'broken.py').write_text(where)
    log = folder / 'run.h5'
    ended = launch(mpi, 4, 'run', job(SMALL | {
        'problem.name': 'broken:Problem'}), '--out', log)
    assert ended.code == code, ended.err
    assert ended.err.count('Traceback') == 1
    assert ended.err.count('broken.py') == 1
    assert not log.exists()


def test_a_module_that_fails_on_one_rank_alone(mpi, job, launch, folder):
    """A node without a library, say; its lines are told by rank 0."""
    (folder / 'broken.py').write_text(
        'from aspis_mpi.backends.launcher import launch\n'
        'from aspis_mpi.learning.problems.quadratic import Quadratic\n'
        'if launch().rank == 2:\n'
        '    import no_such_library\n')
    ended = launch(mpi, 4, 'run', job(SMALL | {
        'problem.name': 'broken:Quadratic'}))
    assert ended.code == 2, ended.err
    line, = ended.lines
    assert 'rank 2: ' in line and "No module named 'no_such_library'" in line
    assert ended.err.count('Traceback') == 1
    assert 'import no_such_library' in ended.err
