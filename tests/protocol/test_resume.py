"""A run that was killed or stopped goes on as if it never had been."""

import os
import signal
from functools import cache, partial

import h5py
import numpy as np
import pytest
import tomli_w

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.backends.signals import Signals
from aspis_mpi.errors import DONE, FAILED, INTERRUPTED
from aspis_mpi.learning.problems.quadratic import Quadratic
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.checkpoints import Checkpoints
from aspis_mpi.runlog.claims import claim
from aspis_mpi.runlog.reader import Run
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Outcome

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
    'tolerance': {
        'scheme.adversaries': 1, 'detection.equality': 'tolerance',
        'adversary.count': 1, 'adversary.files': 'random'},
}
#: In which workers are proved wrong.
EXPOSING = {'certified, window', 'robust-partial, fixed', 'tolerance'}


class Killed(BaseException):
    """What no handler of the run takes for an error of the problem."""


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


@pytest.fixture
def job(tmp_path):
    """Writes a job of six workers."""
    return partial(written, tmp_path)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """The log of one of `JOBS` that was never stopped, made once."""
    @cache
    def run(name):
        folder = tmp_path_factory.mktemp('whole')
        log = folder / 'whole.h5'
        path = written(folder, JOBS[name])
        assert simulate(path, mortal(), out=log)[0] == DONE
        return log
    return run


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


@pytest.mark.parametrize('name', JOBS)
@pytest.mark.parametrize('dies', [7, 15])
def test_a_killed_run_goes_on_bit_for_bit(name, dies, job, whole, tmp_path):
    """Its log has rows past the checkpoint, which are done again."""
    path, log = job(JOBS[name]), tmp_path / 'killed.h5'
    with pytest.raises(Killed):
        simulate(path, mortal(dies_at=dies + 1), out=log)
    with load_run(log) as run:
        assert run.n_steps == dies
    code, out = simulate(path, mortal(), out=log, resume=True)
    assert (code, out) == (DONE, log)
    began = EVERY * ((dies - 1) // EVERY)
    assert_same_run(log, whole(name), began)
    assert bool(assert_same_exposures(log, whole(name), began)) == (
        name in EXPOSING)
    with load_run(log) as run:
        texts = [event.text for event in run.events]
        again, = [text for text in texts if 'done again' in text]
        assert again.startswith(str(dies - began))


@pytest.mark.parametrize('name', ['aspis', 'robust-partial, fixed'])
def test_a_run_stopped_by_a_signal_goes_on_bit_for_bit(name, job, whole,
                                                       tmp_path):
    path, log = job(JOBS[name]), tmp_path / 'stopped.h5'
    code, _ = simulate(path, mortal(signal_at=8), out=log)
    assert code == INTERRUPTED
    with load_run(log) as run:
        done = run.n_steps
        assert 7 <= done <= 9
        assert any('SIGUSR1' in event.text for event in run.events)
    newest = Checkpoints(log).paths()[0]
    assert newest.name == f'step-{done:08d}.npz'
    assert simulate(path, mortal(), out=log, resume=True)[0] == DONE
    assert_same_run(log, whole(name), done)


def in_version_2(path):
    """Give a log the form of version 2: neither exposures nor codes."""
    with h5py.File(path, 'r+') as file:
        rows = file['/events'][:]
        plain = np.empty(len(rows), [
            (name, rows.dtype[name]) for name in ('time', 'level', 'rank')])
        for name in plain.dtype.names:
            plain[name] = rows[name]
        for name in '/events', '/exposures', '/exposures_text':
            del file[name]
        file.create_dataset('/events', data=plain, maxshape=(None,),
                            chunks=True)
        file.attrs['version'] = 2


def in_version_1(path):
    """Give a log the form of version 1: whole columns, enumerations."""
    in_version_2(path)
    verdict = h5py.enum_dtype(
        {outcome.name.lower(): outcome for outcome in Outcome}, 'u1')
    with Run(path) as run:
        tables = {'/steps': run.steps, '/arrivals': run.arrivals,
                  '/assignment/changes': run._own(run._change),
                  '/events': run._own(schema.EVENTS)}
    with h5py.File(path, 'r+') as file:
        for name, rows in tables.items():
            dtype = np.dtype([
                (column, verdict if column == 'verdict' else kind)
                for column, (kind, _) in rows.dtype.fields.items()
                if column != 'code'])
            del file[name]
            file.create_dataset(name, data=rows[list(dtype.names)].astype(
                                    dtype),
                                maxshape=(None,), chunks=True)
        for name in '/arrivals_finished', '/assignment/orders', '/events_text':
            del file[name]
        file.attrs['version'] = 1


@pytest.mark.parametrize('name', ['partial, reordered', 'certified, window'])
@pytest.mark.parametrize('earlier', [in_version_1, in_version_2])
def test_a_run_whose_log_is_of_before_goes_on_bit_for_bit(
        name, earlier, job, whole, tmp_path):
    path, log = job(JOBS[name]), tmp_path / 'old.h5'
    with pytest.raises(Killed):
        simulate(path, mortal(dies_at=13), out=log)
    earlier(log)
    with load_run(log) as run:
        assert run.attrs['version'] == [in_version_1, in_version_2].index(
            earlier) + 1 and run.n_steps == 12
        said = run.events
        assert {event.code for event in said} <= {EventCode.UNKNOWN}
    assert simulate(path, mortal(), out=log, resume=True)[0] == DONE
    assert_same_run(log, whole(name), 10)
    with load_run(log) as one, load_run(whole(name)) as two:
        assert one.attrs['version'] == two.attrs['version'] == schema.VERSION
        assert one.events[:len(said)] == said
        codes = [event.code for event in one.events[len(said):]]
        assert codes[:2] == [EventCode.REPEATED, EventCode.RESUMED]
        assert EventCode.UNKNOWN not in codes
        assert not any(it.step < 10 for it in one.exposures)
        for step in range(STEPS):
            np.testing.assert_array_equal(one.order_at(step),
                                          two.order_at(step))
    assert bool(assert_same_exposures(log, whole(name), 10, 10)) == (
        name in EXPOSING)


#: What a step changes before it is done: the order of computing, and who is
#: left out of the steps after it.
HALF_DONE = {
    'reordered': JOBS['partial, reordered'],
    'silent': {
        'scheme.name': 'aspis', 'scheme.adversaries': 1,
        'aggregation.name': 'median', 'delay.name': 'exponential',
        'delay.mean': 0.1, 'delay.silent': 1, 'delay.silent_from': 2,
        'delay.silent_after': 2, 'faults.silence': 0.5}}


@pytest.mark.parametrize('name', HALF_DONE)
def test_a_step_that_was_stopped_in_the_midst_is_done_as_never_begun(
        name, job, tmp_path, monkeypatch):
    """Two signals at many moments; clocks may differ in their last bits."""
    path, whole = job(HALF_DONE[name]), tmp_path / 'whole.h5'
    assert simulate(path, mortal(), out=whole)[0] == DONE
    for at in range(30, 300, 27):
        log, seen = tmp_path / f'{at}.h5', [0]

        def taken(self):
            seen[0] += 1
            return 2 * (seen[0] == at)
        with monkeypatch.context() as patch:
            patch.setattr(Signals, 'taken', taken)
            patch.setattr(Signals, 'name', 'SIGUSR1')
            assert simulate(path, mortal(), out=log)[0] == INTERRUPTED
        assert simulate(path, mortal(), out=log, resume=True)[0] == DONE
        assert saved(log).tobytes() == saved(whole).tobytes()
        with load_run(log) as one, load_run(whole) as two:
            for item in ('excluded', 'contributors', 'copies', 'source'):
                np.testing.assert_array_equal(one.read(item), two.read(item),
                                              f'{at} {item}')
            for step in range(STEPS):
                np.testing.assert_array_equal(one.order_at(step),
                                              two.order_at(step))


def test_a_run_that_nobody_answered_can_go_on(job, tmp_path):
    """Else a healthy job would fail with its first step for ever."""
    trace = np.full((STEPS, 6), 0.1)
    trace[7] = 2.0
    np.savetxt(tmp_path / 'trace.csv', trace, delimiter=',')
    for name in 'aspis', 'partial':
        log = tmp_path / f'{name}.h5'
        path = job({'scheme.name': name, 'delay.name': 'trace',
                    'delay.path': str(tmp_path / 'trace.csv'),
                    'faults.silence': 1.0})
        assert simulate(path, out=log)[0] == FAILED
        assert simulate(path, out=log, resume=True,
                        settings=['faults.silence=5.0'])[0] == DONE


def test_stopped_again_and_again(job, whole, tmp_path):
    """One step at a time, each in another job."""
    name = 'certified, window'
    path, log = job(JOBS[name]), tmp_path / 'pieces.h5'
    codes = [simulate(path, mortal(signal_at=1), out=log, resume=True)[0]
             for _ in range(STEPS)]
    assert codes[0] == INTERRUPTED and codes[-1] == DONE
    assert saved(log).tobytes() == saved(whole(name)).tobytes()
    with load_run(log) as one, load_run(whole(name)) as two:
        for item in ('exposed', 'excluded', 'source', 'contributors'):
            np.testing.assert_array_equal(one.read(item), two.read(item))


def test_a_damaged_checkpoint_gives_way_to_the_one_before(job, whole,
                                                          tmp_path):
    path, log = job(JOBS['aspis']), tmp_path / 'killed.h5'
    with pytest.raises(Killed):
        simulate(path, mortal(dies_at=18), out=log)
    newest, *others = Checkpoints(log).paths()
    newest.write_bytes(newest.read_bytes()[:-100])
    simulate(path, mortal(), out=log, resume=True)
    assert_same_run(log, whole('aspis'))
    with load_run(log) as run:
        assert any(newest.name in event.text
                   and 'the one before is used' in event.text
                   for event in run.events)
        assert any('goes on with step 10' in event.text
                   for event in run.events)

    # Not a single one that is whole: the run is not begun anew in silence.
    for file in Checkpoints(log).paths():
        file.write_bytes(b'')
    with pytest.raises(JobError, match='no checkpoint can be used'):
        simulate(path, mortal(), out=log, resume=True)


def test_killed_before_the_first_checkpoint(job, whole, tmp_path):
    path, log = job(JOBS['aspis']), tmp_path / 'killed.h5'
    with pytest.raises(Killed):
        simulate(path, mortal(dies_at=4), out=log)
    simulate(path, mortal(), out=log, resume=True)
    assert_same_run(log, whole('aspis'))


def test_resume_of_nothing_begins_and_of_all_ends(job, tmp_path):
    path, log = job(JOBS['aspis']), tmp_path / 'run.h5'
    assert simulate(path, out=log, resume=True) == (DONE, log)
    before = log.read_bytes()
    model = saved(log)
    # Killed after the last checkpoint, before the model was saved.
    log.with_suffix('.npz').unlink()
    assert simulate(path, out=log, resume=True) == (DONE, log)
    assert log.read_bytes() == before
    assert saved(log).tobytes() == model.tobytes()


def test_more_steps_than_were_asked_for_first(job, tmp_path):
    whole, log = tmp_path / 'whole.h5', tmp_path / 'longer.h5'
    keys = JOBS['aspis'] | {'run.evaluate_every': 0}
    simulate(job(keys), out=whole)
    simulate(job(keys | {'run.steps': 11}), out=log)
    simulate(job(keys), out=log, resume=True)
    assert saved(log).tobytes() == saved(whole).tobytes()
    with load_run(log) as run:
        assert run.n_steps == STEPS == run.config['run']['steps']


@pytest.mark.parametrize('key, value', [
    ('run.seed', 4), ('optimizer.lr', 0.01), ('scheme.adversaries', 1),
    ('problem.batch_size', 80)])
def test_another_job_is_refused(key, value, job, tmp_path):
    log = tmp_path / 'run.h5'
    simulate(job(JOBS['aspis'] | {'run.steps': 6}), out=log)
    with pytest.raises(JobError, match=f'{key} = {value}: --resume'):
        simulate(job(JOBS['aspis'] | {key: value}), out=log, resume=True)


def test_without_resume_nothing_is_overwritten(job, tmp_path):
    path, log = job(JOBS['aspis'] | {'run.steps': 6}), tmp_path / 'run.h5'
    simulate(path, out=log)
    with pytest.raises(JobError, match='--resume or --overwrite'):
        simulate(path, out=log)
    # Checkpoints alone, of a log that was moved, are in the way, too.
    log.rename(tmp_path / 'moved.h5')
    (tmp_path / 'run.npz').unlink()
    with pytest.raises(JobError, match='run.checkpoints: exists already'):
        simulate(path, out=log)
    simulate(path, out=log, overwrite=True)
    names = [file.name for file in Checkpoints(log).paths()]
    assert names == ['step-00000006.npz', 'step-00000005.npz']


@pytest.mark.parametrize('options, text', [
    ({'resume': True, 'overwrite': True}, 'only one of them'),
    ({'resume': True}, 'name the run log')])
def test_options_that_do_not_fit(options, text, job):
    with pytest.raises(JobError, match=text):
        simulate(job(JOBS['aspis']), **options)


# -- other workers

def test_fewer_and_more_workers(job, tmp_path):
    """Each time the run goes on in a log of its own, and right."""
    keys = JOBS['aspis'] | {'run.evaluate_every': 0}
    log = tmp_path / 'run.h5'
    simulate(job(keys | {'run.steps': 12}), out=log)
    settings = ['scheme.workers=5', 'run.steps=17']
    assert simulate(job(keys), out=log, resume=True,
                    settings=settings) == (DONE, log)
    assert simulate(job(keys), out=log, resume=True,
                    settings=['scheme.workers=7']) == (DONE, log)
    assert (tmp_path / 'run.3.h5').exists()
    with load_run(log) as run:
        assert run.steps['step'].tolist() == list(range(STEPS))
        assert [part.n_workers for part in run.parts] == [6, 5, 7]
        assert [part.n_steps for part in run.parts] == [12, 5, 7]
        assert not run.wrong_files.any()

    # The quadratic is exact: every honest step is the mean of its batch.
    with np.load(Checkpoints(log).paths()[0]) as newest:
        assert newest['parameters'].tobytes() == saved(log).tobytes()


@pytest.mark.parametrize('workers', [5, 6, 7])
def test_exposures_are_those_of_the_same_workers(workers, job, tmp_path):
    """Of others nobody says that worker 1 is the one that it was."""
    keys = {'scheme.adversaries': 1, 'detection.memory': 'forever',
            'detection.budget': 'fixed', 'adversary.count': 1,
            'adversary.workers': [1], 'run.evaluate_every': 0}
    log, settings = tmp_path / 'run.h5', [f'scheme.workers={workers}']
    simulate(job(keys | {'run.steps': 9}), out=log)
    assert simulate(job(keys), out=log, resume=True,
                    settings=settings) == (DONE, log)
    with load_run(log) as run:
        parts = run.parts
        assert np.flatnonzero(parts[0].excluded[8]).tolist() == [1]
        first = run.steps['step'].tolist().index(9) - sum(
            part.n_steps for part in parts[:-1])
        assert np.flatnonzero(parts[-1].excluded[first]).tolist() == (
            [1] if workers == 6 else [])
        assert not run.wrong_files.any()
        assert run.attrs['hosts_from'] == 'simulated'
        forgotten = ['what was known is forgotten' in event.text
                     for event in run.events]
        assert any(forgotten) == (workers != 6)


def test_the_same_workers_again_go_on_in_the_last_part(job, tmp_path):
    keys = JOBS['aspis'] | {'run.evaluate_every': 0}
    log, fewer = tmp_path / 'run.h5', ['scheme.workers=5']
    simulate(job(keys | {'run.steps': 12}), out=log)
    simulate(job(keys), out=log, resume=True,
             settings=[*fewer, 'run.steps=17'])
    simulate(job(keys), out=log, resume=True, settings=fewer)
    with load_run(log) as run:
        assert [part.n_steps for part in run.parts] == [12, 12]


def test_rows_past_the_checkpoint_are_those_of_the_later_part(job, tmp_path):
    keys, log = JOBS['aspis'], tmp_path / 'run.h5'
    with pytest.raises(Killed):
        simulate(job(keys), mortal(dies_at=10), out=log)
    simulate(job(keys), mortal(), out=log, resume=True,
             settings=['scheme.workers=5'])
    with load_run(log) as run:
        assert run.steps['step'].tolist() == list(range(STEPS))
        assert [part.n_workers for part in run.parts] == [6, 5]
        assert run.evaluation['step'].tolist() == list(range(STEPS + 1))


# -- losing workers

def test_a_failed_run_leaves_a_checkpoint(job, tmp_path):
    """Nobody answers in step 8: what was done by then is not lost."""
    path = job({'scheme.name': 'gradient-code', 'assignment.load': 1,
                'delay.silent': [2], 'delay.silent_from': 8,
                'faults.silence': 0.5, 'run.checkpoint_every': 0})
    log = tmp_path / 'run.h5'
    assert simulate(path, out=log)[0] == FAILED
    assert [file.name for file in Checkpoints(log).paths()] == [
        'step-00000008.npz']


def test_without_its_checkpoint_a_stopped_run_has_failed(job, tmp_path,
                                                          monkeypatch):
    """Exit code 75 would let it be requeued for ever."""
    def full(self, snapshot):
        raise OSError('no space left on the device')
    monkeypatch.setattr(Checkpoints, 'save', full)
    log = tmp_path / 'run.h5'
    code, _ = simulate(job(JOBS['aspis']), mortal(signal_at=8), out=log)
    assert code == FAILED
    with load_run(log) as run:
        texts = [event.text for event in run.events]
    assert any('no space left' in text for text in texts)
    assert 'no checkpoint of its last step' in texts[-1]


def test_one_process_writes_a_log(job, tmp_path):
    log = tmp_path / 'run.h5'
    simulate(job(JOBS['aspis'] | {'run.steps': 6}), out=log)
    other = claim(log)
    with pytest.raises(JobError, match='written by another process'):
        simulate(job(JOBS['aspis']), out=log, resume=True)
    with pytest.raises(JobError, match='written by another process'):
        simulate(job(JOBS['aspis']), out=log, overwrite=True)
    other.close()
    assert simulate(job(JOBS['aspis']), out=log, resume=True)[0] == DONE


@pytest.mark.parametrize('tolerate', [1, 3])
def test_another_number_of_deaths_may_be_tolerated(tolerate, job, tmp_path):
    """More room for files of others is another design."""
    keys = JOBS['robust-partial, fixed']
    log = tmp_path / 'run.h5'
    simulate(job(keys | {'run.steps': 9}), out=log)
    code, _ = simulate(job(keys | {'faults.tolerate': tolerate}), out=log,
                       resume=True)
    assert code == DONE
    with load_run(log) as run:
        assert run.steps['step'].tolist() == list(range(STEPS))


def test_a_later_part_is_not_taken_for_a_run(job, tmp_path):
    keys, log = JOBS['aspis'], tmp_path / 'run.h5'
    simulate(job(keys | {'run.steps': 9}), out=log)
    simulate(job(keys), out=log, resume=True, settings=['scheme.workers=5'])
    with pytest.raises(JobError, match='is a later part.*run.h5'):
        simulate(job(keys), out=tmp_path / 'run.2.h5', resume=True,
                 settings=['scheme.workers=5'])


def test_a_batch_size_left_open_fits_the_workers(job, tmp_path):
    keys, log = JOBS['aspis'], tmp_path / 'run.h5'
    for steps, workers in ((6, 7), (STEPS, 5)):
        path = job(keys | {'run.steps': steps, 'scheme.workers': workers})
        text = path.read_text().replace('batch_size = 60\n', '')
        path.write_text(text)
        assert simulate(path, out=log, resume=True)[0] == DONE
    with load_run(log) as run:
        sizes = [part.option('problem', 'batch_size') for part in run.parts]
    assert sizes == [70, 20]


def test_signals_are_as_before_when_a_run_is_over(job, tmp_path):
    """Also of a command that was called within another program."""
    before = signal.getsignal(signal.SIGUSR1)
    path = str(job(JOBS['aspis'] | {'run.steps': 2}))
    assert main(['simulate', path, '--out', str(tmp_path / 'run.h5')]) == DONE
    assert signal.getsignal(signal.SIGUSR1) is before
