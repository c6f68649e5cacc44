"""Ranks with another job, other data or other code than rank 0."""

import numpy as np
import pytest

from aspis_mpi import load_run
from tests.support.commands import MODULE, Command
from tests.support.mpirun import parameters
from tests.support.patience import events_of

#: A problem whose sizes and frozen tensor depend on the environment.
OWN = '''
    n_samples = int(os.environ.get('SAMPLES', 2000))

    def fingerprints(self):
        return {'encoder.weight': os.environ.get('WEIGHT', 'aa')}
'''

#: Four workers of which one may be wrong; sums are exact.
KEYS = {'run.steps': 4, 'scheme.adversaries': 1, 'aggregation.name': 'mean'}


#: Where nobody may be wrong.
TRUSTED = {'scheme.adversaries': 0, 'scheme.name': 'uncoded'}

RUN = Command().words


def odd(ranks, first, *more, keys=None, **where):
    """A command line before which some ranks do something."""
    text = '\n    '.join([f'import os, sys\nif rank in {ranks}:',
                          *first.strip().splitlines()])
    return Command(KEYS | (keys or {}), words=(*RUN, *more), first=text,
                   **where)


def setting(text):
    return f'words.append("--set={text}")'


def assert_refused(ended, *told):
    """Exit code 2 and one line, before anything is written."""
    assert ended.code == 2, ended.err
    line, = ended.lines
    assert all(word in line for word in told), line
    assert 'Traceback' not in ended.err
    assert not ended.log.exists()


def assert_idle(ended, rank, told):
    """All steps are done, without the worker of a rank, which is told."""
    assert ended.code == 0, ended.err
    assert 'Traceback' not in ended.err and not ended.left
    with load_run(ended.log) as run:
        assert run.n_steps == 4
        assert run.excluded[:, rank - 1].all()
        assert np.count_nonzero(run.excluded) == 4
        assert not run.exposed.any()
        event, = [event for event in events_of(run) if event.level == 30]
        assert run.attrs['without_work'] == [rank - 1]
    assert event.rank == rank
    assert event.text == (
        f'rank {rank} (worker {rank - 1}) gets no work in this run: {told}')
    assert f'warning: {event.text}' in ended.err
    return event.text


def assert_shown(ended, text):
    """The summary says it, where it is the only warning."""
    shown = ' '.join(ended.out.split())
    with load_run(ended.log) as run:
        n = sum(event.level == 30 for event in run.events)
    assert f'warnings {n} in all' in shown
    assert n > 1 or f'all: 0.0 s: {text[:80]}' in shown


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

#: A problem of one's own.
MINE = {'body': OWN, 'keys': {'problem.name': 'mine:Problem'}}
TEXT = MODULE.format(body=OWN)

ELSEWHERE = '''
os.chdir('elsewhere')
sys.path.insert(0, os.getcwd())
'''

#: Delays that are read from a file, of which there is another one.
TRACED = {'keys': {'delay.name': 'trace', 'delay.path': 'trace.txt'},
          'files': {place: f'{first:.18e}{3 * f" {0:.18e}"}\n'
                    for place, first in (('trace.txt', 0.0),
                                         ('elsewhere/trace.txt', 1e-4))}}

#: Answers what nobody asks for, as long as it may.
LIAR = r'''
import numpy as np
from aspis_mpi.backends.mpi import facts
patch(facts, 'said', lambda *asked: "\x1b[31m\n\0" * 2000)
patch(facts, 'condensed', lambda known, keys: np.full(
    len(keys) + 1, 7, "u8"))
'''

COMMANDS = {name: odd([rank], setting(text), keys=keys)
            for name, (keys, rank, text, _) in ODD.items()} | {
    'trusted': odd([3], setting('optimizer.lr=0.25'), keys=TRUSTED),
    'two': odd([2, 4], setting('run.seed=8')),
    'samples': odd([1], 'os.environ["SAMPLES"] = "2001"', **MINE),
    'weight': odd([1], 'os.environ["WEIGHT"] = "bb"', **MINE),
    'file': odd([3], ELSEWHERE, **TRACED),
    'two files': odd([1, 2], ELSEWHERE, **TRACED),
    'module': odd([3], ELSEWHERE, body=OWN, keys=TRUSTED | MINE['keys'],
                  files={'elsewhere/mine.py': f'{TEXT}# newer\n'}),
    'liar': odd([2], LIAR),
    'begun': odd([2], setting('optimizer.lr=0.25')),
    'resumed': odd([], 'pass', '--resume', '--set=run.steps=8',
                   after='begun'),
    'output': odd([2], setting('run.out=nowhere.h5'))}


@pytest.fixture
def ended(answers):
    """The end of one of these jobs, on five ranks."""
    return lambda name: answers(5, COMMANDS)[name]


@pytest.fixture
def idle(ended):
    """Asserts that the odd rank of one of these jobs had no work."""
    def check(name):
        _, rank, _, told = ODD[name]
        assert_idle(ended(name), rank, told)
        return ended(name).log
    return check


def test_one_key_where_nobody_may_be_wrong(ended):
    assert_refused(ended('trusted'), 'job.toml: optimizer.lr: rank 3 has '
                   '0.25, rank 0 has 0.1;', 'scheme.adversaries = 0')


def test_more_ranks_than_may_be_wrong(ended):
    assert_refused(ended('two'), 'run.seed: rank 2 has 8, rank 0 has 7; 2 '
                   'ranks differ from rank 0 (2, 4), more than '
                   'scheme.adversaries = 1')


@pytest.mark.parametrize('budget', BUDGETS)
def test_one_key_of_one_rank(budget, idle, job, expected):
    _, _, values = expected(job(BUDGETS[budget][0]), 4)
    assert np.array_equal(parameters(idle(budget)), values)


@pytest.mark.parametrize('sizes', SIZES)
def test_other_sizes_of_messages(sizes, idle):
    idle(sizes)


def test_more_samples_behind_the_same_words(ended):
    assert_shown(ended('samples'), assert_idle(
        ended('samples'), 1,
        'problem.n_samples is 2001 there, 2000 on rank 0'))


def test_what_the_problem_tells(ended):
    assert_shown(ended('weight'), assert_idle(
        ended('weight'), 1,
        'problem: encoder.weight is bb there, aa on rank 0'))


def test_another_file_of_the_same_name(ended):
    with load_run(ended('file').log) as run:
        told = events_of(run)[0].text
    start = 'delay.path: trace.txt is 100 bytes, sha256 '
    assert start in told, told
    assert_shown(ended('file'), assert_idle(ended('file'), 3,
                                            told[told.index(start):]))
    assert_refused(ended('two files'),
                   'delay.path: trace.txt: rank 1 has 100 bytes')


def test_another_module_of_the_same_name(ended):
    assert_refused(ended('module'), 'problem.name: mine: rank 3 has',
                   f'rank 0 has {len(TEXT)} bytes, sha256')


def test_a_rank_that_lies_about_all_of_it(ended):
    liar = ended('liar')
    assert liar.code == 0, liar.err
    with load_run(liar.log) as run:
        assert run.n_steps == 4 and run.excluded[:, 1].all()
    assert '\x1b' not in liar.err + liar.out


def test_a_run_that_goes_on_compares_anew(ended):
    for name in 'begun', 'resumed':
        assert ended(name).code == 0, ended(name).err
    with load_run(ended('resumed').log) as run:
        assert run.excluded[:4, 1].all() and not run.excluded[4:].any()
        assert run.n_steps == 8


def test_only_rank_0_looks_at_the_output(ended):
    assert ended('output').code == 0, ended('output').err
    with load_run(ended('output').log) as run:
        assert not run.excluded.any()
