"""The files that a job names: found, kept in the log, refused if changed."""

import importlib
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from aspis_mpi import JobError, Problem, load_run, simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.delays.base import Delay
from aspis_mpi.errors import DONE
from aspis_mpi.files.digests import digest
from aspis_mpi.job import loading
from aspis_mpi.job.inputs import inputs
from aspis_mpi.learning.statements import FINGERPRINTS, fingerprints_of
from aspis_mpi.learning.problems.quadratic import Quadratic

MODULE = '''
from aspis_mpi.learning.problems.quadratic import Quadratic

class Mine(Quadratic):
    def __init__(self, seed, *, parameters: int = 12, weights: str = ''):
        super().__init__(seed, parameters=parameters)
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder from which jobs are run, and modules imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in 'mine_of_inputs', 'helper_of_inputs':
        sys.modules.pop(name, None)


@pytest.fixture
def module(here):
    """Writes a module of the user's, with a comment at the end."""
    def write(comment=''):
        path = here / 'mine_of_inputs.py'
        path.write_text(f'{MODULE}# {comment}\n')
        # Python may have looked here already, at the same tick of the clock.
        importlib.invalidate_caches()
        return 'mine_of_inputs:Mine'
    return write


def trace(here, first=1):
    """A trace of five workers, whose first delay is given."""
    rows = np.ones((2, 5))
    rows[0, 0] = first
    np.savetxt(here / 'trace.csv', rows, delimiter=',')


def named(job):
    return {name: it.key for name, it in inputs(job).items()}


# --- which files -------------------------------------------------------

def test_a_job_of_our_own_parts_names_none(tables):
    assert inputs(loading.from_tables(tables())) == {}


def test_data_traces_and_matrices(tables, here):
    trace(here)
    matrix = np.ones((4, 5))
    np.save(here / 'matrix.npy', matrix)
    (here / 'digits').write_text('0\n')
    job = loading.from_tables(tables(
        problem={'name': 'digits', 'path': 'digits'},
        assignment={'name': 'file', 'path': str(here / 'matrix.npy')},
        delay={'name': 'trace', 'path': './trace.csv'})
        | {'problem': {'name': 'digits', 'path': 'digits'}})
    assert named(job) == {
        'digits': 'problem.path', './trace.csv': 'delay.path',
        str(here / 'matrix.npy'): 'assignment.path'}
    assert inputs(job)['digits'].digest == digest(here / 'digits')


def test_the_module_of_a_part_of_the_users_own(tables, module):
    job = loading.from_tables(tables() | {'problem': {'name': module()}})
    assert named(job) == {'mine_of_inputs': 'problem.name'}


def test_the_module_of_a_problem_that_the_caller_brings(tables):
    class Own(Quadratic):
        pass
    own = Own(7, parameters=12)
    job = loading.from_tables(tables() | {'problem': {}}, problem=own)
    found = inputs(job, own)
    assert list(found) == [__name__]
    assert found[__name__].digest == digest(__file__)


def test_options_of_the_users_own_parts_that_are_paths(tables, module, here):
    name = module()
    (here / 'weights.bin').write_bytes(b'1')
    (here / 'weights').write_bytes(b'2')

    def options(weights):
        job = loading.from_tables(tables() | {'problem': {
            'name': name, 'weights': weights}})
        return set(named(job)) - {'mine_of_inputs'}
    assert options('weights.bin') == {'weights.bin'}
    assert options('./weights') == {'./weights'}
    # A word that happens to be the name of a file, unless the class says so.
    assert options('weights') == options('no/such.file') == set()
    assert options(str(here)) == set()
    sys.modules['mine_of_inputs'].Mine.reads = ('weights',)
    assert options('weights') == {'weights'}


class Several(Delay):
    """A delay with options of other kinds."""

    name = 'several'

    def __init__(self, n_workers, load, seed, *, paths: list[str] = [],
                 one: Path | None = None):
        super().__init__(n_workers, load, seed)


def test_lists_of_paths_and_paths(tables, here, monkeypatch):
    monkeypatch.setitem(sys.modules, 'kinds', sys.modules[__name__])
    for name in 'a.npy', 'b.npy', 'c':
        (here / name).write_text(name)
    job = loading.from_tables(tables(delay={
        'name': 'kinds:Several', 'paths': ['a.npy', 'b.npy'],
        'one': Path('c')}))
    assert set(named(job)) == {'a.npy', 'b.npy', 'c', 'kinds'}


def test_what_the_users_module_imports_is_the_users_too(tables, module, here):
    name = module('\nimport helper_of_inputs')
    (here / 'helper_of_inputs.py').write_text('SCALE = 2\n')
    job = loading.from_tables(tables() | {'problem': {'name': name}})
    assert named(job) == {'mine_of_inputs': 'problem.name',
                          'helper_of_inputs': 'problem.name'}


# --- what a problem tells ----------------------------------------------

class Frozen(Quadratic):
    told = {'encoder.weight': 'aa'}

    def fingerprints(self):
        return self.told


def test_a_problem_may_tell_more(tables):
    own = Frozen(7, parameters=12)
    job = loading.from_tables(tables() | {'problem': {}}, problem=own)
    found = Assembly(job, own).inputs
    assert found['encoder.weight'].digest == 'aa'
    assert found['encoder.weight'].key == 'problem'


def test_problems_tell_nothing_by_default():
    assert fingerprints_of(Problem()) == {}


@pytest.mark.parametrize('told, what', [
    (None, 'NoneType; must be a dict of str to str'),
    ({'a': 1}, 'must be a dict of str to str'), ({1: 'a'}, 'dict of str'),
    ({'a': 'x' * FINGERPRINTS}, f'must be at most {FINGERPRINTS}')])
def test_what_is_wrong_with_it_is_one_line(told, what, tables):
    own = Frozen(7, parameters=12)
    own.told = told
    job = loading.from_tables(tables() | {'problem': {}}, 'job.toml',
                              problem=own)
    with pytest.raises(JobError, match='^job.toml: problem: Frozen.finger'
                       ) as refused:
        Assembly(job, own).inputs
    assert what in str(refused.value) and '\n' not in str(refused.value)


# --- later -------------------------------------------------------------

@pytest.fixture
def run(tables, here):
    """Simulates a job with a trace: `run(accept, **how)`, its code and log."""
    def again(accept='', steps=4, how='resume', **sections):
        job = loading.from_tables(tables(
            run={'steps': steps, 'checkpoint_every': 2,
                 'accept_changes': accept},
            scheme={'name': 'aspis'}, log={'detail': 'arrivals'},
            **sections), 'job.toml')
        return simulate(job, out='again.h5' if how == 'replay' else 'run.h5',
                        **{how: 'run.h5' if how == 'replay' else True})
    return again


TRACE = {'delay': {'name': 'trace', 'path': 'trace.csv'}}


def warnings(path):
    with load_run(path) as log:
        return [event.text for event in log.events if event.level > 20]


def test_the_log_has_the_digests(run, here):
    trace(here)
    _, path = run(how='overwrite', **TRACE)
    with load_run(path) as log:
        assert log.attrs['inputs'] == (
            f'"trace.csv" = "{digest("trace.csv")}"\n')


def test_a_log_of_a_job_without_files_has_none(run):
    _, path = run(how='overwrite')
    with load_run(path) as log:
        assert 'inputs' not in log.attrs


def test_files_that_are_the_same_are_no_news(run, here):
    trace(here)
    run(how='overwrite', **TRACE)
    trace(here)
    code, path = run(steps=8, **TRACE)
    assert code == DONE
    assert not [text for text in warnings(path) if 'trace.csv' in text]


def test_a_changed_file_is_refused_unless_that_is_accepted(run, here):
    trace(here)
    run(how='overwrite', **TRACE)
    before = Path('run.h5').read_bytes()
    trace(here, first=2)
    for accept in [], ['other.csv'], 'other.csv':
        with pytest.raises(JobError, match='^job.toml: delay.path: --resume: '
                           'trace.csv has changed since run.h5 was written: '
                           r'it had \d+ bytes, sha256 \w{8}, has \d+ '
                           r'bytes, sha256 \w{8} now; '
                           r'run.accept_changes = \["trace.csv"\] goes on'):
            run(accept, steps=8, **TRACE)
    assert Path('run.h5').read_bytes() == before

    code, path = run(['trace.csv'], steps=8, **TRACE)
    assert code == DONE
    text, = [text for text in warnings(path) if 'trace.csv' in text]
    assert 'has changed' in text
    # From now on this is the one that counts.
    assert run(steps=10, **TRACE)[0] == DONE
    trace(here)
    assert run('trace.csv', steps=12, **TRACE)[0] == DONE


def test_a_changed_module_is_refused(run, module):
    problem = {'problem': {'name': module('as it was')}}
    run(how='overwrite', **problem)
    module('and as it is')
    with pytest.raises(JobError, match='problem.name: --resume: '
                       'mine_of_inputs has changed'):
        run(steps=8, **problem)
    with pytest.raises(JobError, match='problem.name: --replay: '
                       'mine_of_inputs has changed'):
        run(how='replay', **problem)
    for how in 'replay', 'resume':
        code, path = run(['mine_of_inputs'], how=how, **problem)
        assert code == DONE
    assert any('has changed' in text for text in warnings('again.h5'))


def test_all_that_changed_is_named_at_once(run, module, here):
    sections = TRACE | {'problem': {'name': module('as it was')}}
    trace(here)
    run(how='overwrite', **sections)
    module('and as it is')
    trace(here, first=2)
    with pytest.raises(JobError, match=r'run.accept_changes = '
                       r'\["trace.csv", "mine_of_inputs"\]'):
        run(['trace.csv'], steps=8, **sections)


def test_a_replay_needs_no_delays(run, here):
    trace(here)
    run(how='overwrite', **TRACE)
    (here / 'trace.csv').unlink()
    assert run(how='replay')[0] == DONE


def test_a_log_without_digests_is_accepted_with_a_remark(run, here):
    trace(here)
    _, path = run(how='overwrite', **TRACE)
    with h5py.File(path, 'r+') as file:
        del file.attrs['inputs']
    code, path = run(steps=8, **TRACE)
    assert code == DONE
    text, = [text for text in warnings(path) if 'trace.csv' in text]
    assert 'does not say what was in trace.csv' in text
