"""Ranks with another job, other data or other code than rank 0."""

import json

import numpy as np
import pytest

from aspis_mpi import load_run
from tests.support.mpirun import parameters

#: Starts a rank; those in `odd` do first what the last argument says.
SCRIPT = '''
import json, os, sys

rank = int(os.environ.get('OMPI_COMM_WORLD_RANK',
                          os.environ.get('PMI_RANK', 0)))
odd, first, *arguments = sys.argv[1:]
if rank in json.loads(odd):
    exec(first)
from aspis_mpi.__main__ import main
sys.exit(main(arguments))
'''

#: A problem whose sizes and frozen tensor depend on the environment.
OWN = '''
    n_samples = int(os.environ.get('SAMPLES', 2000))

    def fingerprints(self):
        return {'encoder.weight': os.environ.get('WEIGHT', 'aa')}
'''

#: Four workers of which one may be wrong; sums are exact.
KEYS = {'run.steps': 4, 'scheme.adversaries': 1, 'aggregation.name': 'mean'}


@pytest.fixture
def ranks(launch, job, folder):
    """Runs a job on five ranks, of which those in `odd` do `first`.

    Answers how it ended, and the log to be.
    """
    def run(mpi, odd, first, *arguments, **keys):
        (folder / 'start.py').write_text(SCRIPT)
        log = folder / 'run.h5'
        path = job(KEYS | {key.replace('__', '.'): value
                           for key, value in keys.items()})
        return launch(mpi, 5, json.dumps(odd), first, 'run', path, '--out',
                      log, *arguments, script='start.py'), log
    return run


def setting(text):
    return f'arguments.append("--set={text}")'


def assert_refused(ended, log, *told):
    """Exit code 2 and one line, before anything is written."""
    assert ended.code == 2, ended.err
    line, = ended.lines
    assert all(word in line for word in told), line
    assert 'Traceback' not in ended.err
    assert not log.exists()


def assert_idle(ended, log, rank, told):
    """All steps are done, without the worker of a rank, which is told."""
    assert ended.code == 0, ended.err
    assert 'Traceback' not in ended.err and not ended.left
    with load_run(log) as run:
        assert run.n_steps == 4
        assert run.excluded[:, rank - 1].all()
        assert np.count_nonzero(run.excluded) == 4
        assert not run.exposed.any()
        event, = [event for event in run.events if event.level == 30]
        assert run.attrs['without_work'] == [rank - 1]
    assert event.rank == rank
    assert event.text == (
        f'rank {rank} (worker {rank - 1}) gets no work in this run: {told}')
    assert f'warning: {event.text}' in ended.err
    return event.text


def assert_shown(ended, text):
    """The summary says it."""
    shown = ' '.join(ended.out.split())
    assert f'warnings 1 in all: 0.0 s: {text[:80]}' in shown


def test_one_key_where_nobody_may_be_wrong(mpi, ranks):
    ended, log = ranks(mpi, [3], setting('optimizer.lr=0.25'),
                       scheme__adversaries=0, scheme__name='uncoded')
    assert_refused(ended, log, 'job.toml: optimizer.lr: rank 3 has 0.25, '
                   'rank 0 has 0.1;', 'scheme.adversaries = 0')


def test_more_ranks_than_may_be_wrong(mpi, ranks):
    ended, log = ranks(mpi, [2, 4], setting('run.seed=8'))
    assert_refused(ended, log, 'run.seed: rank 2 has 8, rank 0 has 7; 2 ranks '
                   'differ from rank 0 (2, 4), more than '
                   'scheme.adversaries = 1')


#: A job, the odd rank, its setting, and what is told of it.
LR = 'optimizer.lr is 0.25 there, 0.1 on rank 0'
BUDGETS = {budget: (
    KEYS | {'detection.budget': budget, 'detection.memory': 'forever'}, 2,
    'optimizer.lr=0.25', LR) for budget in ('step', 'fixed')}
SIZES = {f'{key}={theirs}': (
    KEYS, 4, f'{key}={theirs}', f'{key} is {theirs!r} there, {ours!r} on '
    'rank 0') for key, theirs, ours in (
        ('problem.parameters', 70_000, 500), ('problem.parameters', 3, 500),
        ('scheme.name', 'robust-partial', 'aspis'))}
ODD = BUDGETS | SIZES

#: What the odd rank of each job sets.
SETTINGS = f'''
import os
rank = int(os.environ.get('OMPI_COMM_WORLD_RANK',
                          os.environ.get('PMI_RANK', 0)))

def settings(number):
    odd, text = {[odd[1:3] for odd in ODD.values()]}[number]
    return [text] if rank == odd else []
'''


@pytest.fixture
def idle(series):
    """Asserts that the odd rank of one of these jobs had no work."""
    def check(name):
        done = series(5, {name: odd[0] for name, odd in ODD.items()},
                      SETTINGS)
        _, rank, _, told = ODD[name]
        assert_idle(done.ended, done.logs[name], rank, told)
        return done.logs[name]
    return check


@pytest.mark.parametrize('budget', BUDGETS)
def test_one_key_of_one_rank(budget, idle, job, expected):
    _, _, values = expected(job(BUDGETS[budget][0]), 4)
    assert np.array_equal(parameters(idle(budget)), values)


@pytest.mark.parametrize('sizes', SIZES)
def test_other_sizes_of_messages(sizes, idle):
    idle(sizes)


def test_more_samples_behind_the_same_words(mpi, ranks, module):
    ended, log = ranks(mpi, [1], 'os.environ["SAMPLES"] = "2001"',
                       problem__name=module(OWN))
    assert_shown(ended, assert_idle(
        ended, log, 1, 'problem.n_samples is 2001 there, 2000 on rank 0'))


def test_what_the_problem_tells(mpi, ranks, module):
    ended, log = ranks(mpi, [1], 'os.environ["WEIGHT"] = "bb"',
                       problem__name=module(OWN))
    assert_shown(ended, assert_idle(
        ended, log, 1, 'problem: encoder.weight is bb there, aa on rank 0'))


ELSEWHERE = '''
os.chdir('elsewhere')
sys.path.insert(0, os.getcwd())
'''


def test_another_file_of_the_same_name(mpi, ranks, folder):
    (folder / 'elsewhere').mkdir()
    for place, first in (folder, 0.0), (folder / 'elsewhere', 1e-4):
        np.savetxt(place / 'trace.txt', [[first, 0, 0, 0]])
    keys = {'delay__name': 'trace', 'delay__path': 'trace.txt'}
    ended, log = ranks(mpi, [3], ELSEWHERE, **keys)
    with load_run(log) as run:
        told = run.events[0].text
    start = 'delay.path: trace.txt is 100 bytes, sha256 '
    assert start in told, told
    assert_shown(ended, assert_idle(ended, log, 3, told[told.index(start):]))

    ended, log = ranks(mpi, [1, 2], ELSEWHERE, '--out=other.h5', **keys)
    log = folder / 'other.h5'
    assert_refused(ended, log, 'delay.path: trace.txt: rank 1 has 100 bytes')


def test_another_module_of_the_same_name(mpi, ranks, module, folder):
    name = module(OWN)
    (folder / 'elsewhere').mkdir()
    text = (folder / 'mine.py').read_text()
    (folder / 'elsewhere' / 'mine.py').write_text(text + '# newer\n')
    ended, log = ranks(mpi, [3], ELSEWHERE, problem__name=name,
                       scheme__adversaries=0, scheme__name='uncoded')
    assert_refused(ended, log, 'problem.name: mine: rank 3 has',
                   f'rank 0 has {len(text)} bytes, sha256')


#: Answers what nobody asks for, as long as it may.
LIAR = r'''
from aspis_mpi.job import facts
facts.said = lambda *asked: "\x1b[31m\n\0" * 2000
facts.condensed = lambda known, keys: (
    facts.np.full(len(keys) + 1, 7, "u8"))
'''


def test_a_rank_that_lies_about_all_of_it(mpi, ranks):
    ended, log = ranks(mpi, [2], LIAR)
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert run.n_steps == 4 and run.excluded[:, 1].all()
    assert '\x1b' not in ended.err + ended.out


def test_a_run_that_goes_on_compares_anew(mpi, ranks, folder):
    ended, log = ranks(mpi, [2], setting('optimizer.lr=0.25'))
    assert ended.code == 0, ended.err
    again = '--resume', '--set=run.steps=8'
    ended, log = ranks(mpi, [], '', *again)
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert run.excluded[:4, 1].all() and not run.excluded[4:].any()
        assert run.n_steps == 8


def test_only_rank_0_looks_at_the_output(mpi, ranks, folder):
    ended, log = ranks(mpi, [2], setting('run.out=nowhere.h5'))
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert not run.excluded.any()
