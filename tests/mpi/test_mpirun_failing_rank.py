"""A rank that raises ends the job at once, and nothing is lost.

Nobody is taken to be silent: who is not told would wait for ever.
"""

import pytest

from aspis_mpi import load_run
from tests.support.commands import Command
from tests.support.patience import events_of

#: Files one of three workers computes in a step, and before the first one,
#: each in one call.
LOAD, PROBED = 1, 4

KEYS = {'problem.name': 'mine:Problem', 'problem.parameters': 50,
        'problem.micro_batch': 64, 'run.steps': 500,
        'faults.silence': 1e6}

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


ERRORS = 'RuntimeError("out of luck")', 'SystemExit("out of luck")'

#: A path that is missing on one node, say.
REFUSES = ONE_CONSTRUCTOR.format(
    rank=3, error='ValueError("there is no /data/x")')

#: The first call is before the first step: such a job is a bad one.
EARLY = {'gradient': ALL_RANKS, 'evaluate': EVALUATION.format(call=1)}

#: In the midst of the run, and after everybody was told to end: the call
#: that fails, steps of the run, and those that are done.
CALLS = (3, 8, 4), (5, 8, 8)

#: Fails wherever it is imported, or made.
EVERYWHERE = {
    'import': ("raise RuntimeError('out of luck')", 2),
    'constructor': ("""
class Problem:
    def __init__(self, seed, *, parameters=3):
        raise RuntimeError('out of luck')
""", 3)}

#: A node without a library, say; its lines are told by rank 0.
LACKS = (
    'from aspis_mpi.backends.launcher import launch\n'
    'from aspis_mpi.learning.problems.quadratic import Quadratic\n'
    'if launch().rank == 2:\n'
    '    import no_such_library\n')


def broken(text, name='Problem'):
    """A job whose module has a text that fails."""
    return Command(SMALL | {'problem.name': f'broken:{name}'},
                   files={'broken.py': text})


BODIES = {'all': ALL_WORKERS, 'refuses': REFUSES, **EARLY} | {
    ('constructor', rank): ONE_CONSTRUCTOR.format(rank=rank, error=ERRORS[0])
    for rank in (0, 3)}
COMMANDS = {name: Command(KEYS | SMALL, body)
            for name, body in BODIES.items()} | {
    (call, steps): Command(
        KEYS | SMALL | {'run.steps': steps, 'run.evaluate_every': 2},
        EVALUATION.format(call=call)) for call, steps, _ in CALLS} | {
    ('everywhere', where): broken(text)
    for where, (text, _) in EVERYWHERE.items()} | {
    'lacks': broken(LACKS, 'Quadratic')} | {
    error: Command(KEYS | SMALL, ONE_WORKER.format(error=error))
    for error in ERRORS}


@pytest.fixture
def fail(answers):
    """The end of a job that fails."""
    def run(name, code=3):
        ended = answers(4, COMMANDS)[name]
        assert ended.code == code, ended.err
        if COMMANDS[name].body:
            assert ' raised ' in (ended.folder / 'noted').read_text()
        return ended
    return run


def assert_told(ended, steps):
    """The traceback is in stderr and in the log, with all steps done."""
    with load_run(ended.log) as run:
        assert run.steps['step'].tolist() == list(range(steps))
        last = events_of(run)[-1].text
    for text in ended.err, last:
        assert 'Traceback' in text and 'out of luck' in text
        assert 'mine.py' in text
    return last


@pytest.mark.parametrize('error', ERRORS)
def test_gradient_of_one_worker(error, fail):
    last = assert_told(fail(error), steps=3)
    assert 'rank 3 (worker 2) failed in step 3' in last


def test_gradients_of_all_workers(fail):
    assert_told(fail('all'), steps=0)


@pytest.mark.parametrize('call', EARLY)
def test_before_the_first_step(call, fail):
    ended = fail(call, code=2)
    assert ended.err.count('Traceback') == 1
    assert 'out of luck' in ended.err and 'mine.py' in ended.err
    assert '/aspis_mpi/' not in ended.err
    assert not ended.log.exists()


@pytest.mark.parametrize('call, steps, done', CALLS)
def test_evaluation(call, steps, done, fail):
    last = assert_told(fail((call, steps)), done)
    assert 'rank 0 failed' in last


@pytest.mark.parametrize('rank', [0, 3])
def test_constructor(rank, fail):
    ended = fail(('constructor', rank))
    assert ended.err.count('Traceback') == 1
    assert 'out of luck' in ended.err and 'mine.py' in ended.err
    assert not ended.log.exists()


def test_constructor_that_refuses_on_one_worker(fail):
    ended = fail('refuses', code=2)
    line, = ended.lines
    assert 'rank 3' in line and 'there is no /data/x' in line
    assert 'Traceback' not in ended.err
    assert not ended.log.exists()


@pytest.mark.parametrize('where', EVERYWHERE)
def test_what_fails_on_every_rank_is_told_once(where, fail):
    _, code = EVERYWHERE[where]
    ended = fail(('everywhere', where), code)
    assert ended.err.count('Traceback') == 1
    assert ended.err.count('broken.py') == 1
    assert not ended.log.exists()


def test_a_module_that_fails_on_one_rank_alone(fail):
    ended = fail('lacks', code=2)
    line, = ended.lines
    assert 'rank 2: ' in line and "No module named 'no_such_library'" in line
    assert ended.err.count('Traceback') == 1
    assert 'import no_such_library' in ended.err
