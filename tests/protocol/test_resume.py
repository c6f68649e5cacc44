"""A run that was killed or stopped goes on as if it never had been."""

from functools import cache, partial

import h5py
import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.backends.signals import Signals
from aspis_mpi.errors import DONE, FAILED, INTERRUPTED
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.checkpoints import Checkpoints
from aspis_mpi.runlog.reader import Run
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Outcome
from tests.support.resumed_runs import (
    EVERY, EXPOSING, JOBS, STEPS, Killed, assert_same_exposures,
    assert_same_run, mortal, saved, written)


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
