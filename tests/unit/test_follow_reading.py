"""A log that is followed: whatever happens to it, what is read is right."""

import os
import time
from dataclasses import asdict, replace

import h5py
import numpy as np
import pytest

from aspis_mpi.errors import RunLogError
from aspis_mpi.following import knowledge
from aspis_mpi.following.crew import RECENT
from aspis_mpi.following.facts import Facts, Missing
from aspis_mpi.following.reading import Follower
from aspis_mpi.runlog.log_file import LogFile
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import Outcome
from tests.support.growing_log import GrowingLog
from tests.support.made_up_logs import a_record, clean, create
from tests.support.run_parts import DESIGNS, write


@pytest.fixture(scope='module')
def author():
    """Another process, which writes logs."""
    with GrowingLog() as log:
        yield log


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'run.h5'


@pytest.fixture
def follower(path):
    """It never waits, and its clock stands still."""
    return Follower(path, lambda: 1000.0, lambda _: None)


def rounded(value):
    """The same, whatever the order in which sums were made."""
    if isinstance(value, float):
        return float(f'{value:.9g}')
    if isinstance(value, dict):
        return {key: rounded(it) for key, it in value.items()}
    return (tuple(map(rounded, value)) if isinstance(value, list | tuple)
            else value)


def seen(follower):
    """All facts that depend on the log alone, comparable."""
    facts = rounded(asdict(follower.look()))
    for name in ('news', 'left', 'pace'):
        del facts[name]
    return facts, {name: (course.n, course.last, course.least, course.most,
                          course.columns(50).round(9).tolist())
                   for name, course in facts.pop('courses').items()}


def assert_as_if_new(follower, path):
    """What was taken up little by little is what one look finds."""
    facts, courses = seen(follower)
    fresh, curves = seen(Follower(path, lambda: 1000.0))
    assert facts == fresh
    np.testing.assert_equal(courses, curves)
    return facts


def assert_right(facts, path):
    """The same by other means: from whole arrays."""
    with load_run(path) as run:
        steps = run.steps
        assert facts['steps'] == steps['step'][-1] + 1
        assert facts['verdicts'] == {
            outcome.name.lower(): count for outcome in Outcome
            if (count := int((steps['verdict'] == outcome).sum()))}
        flagged = run.flagged.sum(axis=0)
        assert facts['flagged'] == {
            worker: n for worker, n in enumerate(flagged.tolist()) if n}
        assert list(facts['exposed']) == np.flatnonzero(
            run.exposed[-1]).tolist()
        late = {it['worker']: (it['late'], it['last_late'])
                for it in facts['slow']}
        for worker in np.flatnonzero(run.late.any(axis=0)).tolist():
            numbers = steps['step'][run.late[:, worker]]
            assert late[worker] == (len(numbers), numbers[-1])
        firsts = {}
        for proof in run.exposures:
            firsts.setdefault(proof.worker, proof.step)
        assert {it['worker']: it['step']
                for it in facts['proofs']} == firsts


# --- a log that grows ---------------------------------------------------

def test_what_comes_little_by_little_is_all_there(author, path, follower):
    author.open(str(path))
    assert follower.look().steps == 0
    for start, end in ((0, 1), (1, 4), (4, 5), (5, 80), (80, 83)):
        author.steps(start, end)
        facts = assert_as_if_new(follower, path)
        assert facts['steps'] == end
        assert_right(facts, path)
    author.close()


def test_windows_make_no_difference(author, path, follower, monkeypatch):
    author.open(str(path))
    author.steps(0, 150)
    author.close()
    monkeypatch.setattr(knowledge, 'WINDOW', 1)
    monkeypatch.setattr(knowledge, 'PACE', 7)
    facts = assert_as_if_new(follower, path)
    assert_right(facts, path)


def test_only_new_rows_and_the_last_are_read(author, path, follower,
                                             monkeypatch):
    author.open(str(path))
    author.steps(0, 200)
    follower.look()
    author.steps(200, 203)
    read = []
    rows = LogFile.rows

    def noting(self, place, rows_wanted=...):
        if isinstance(rows_wanted, slice):
            read.append((place, rows_wanted.start))
        return rows(self, place, rows_wanted)
    monkeypatch.setattr(LogFile, 'rows', noting)
    assert follower.look().steps == 203
    author.close()
    assert {place for place, _ in read} >= {
        '/steps', '/progress/late', '/evaluation'}
    assert all(start >= 203 - RECENT for _, start in read)
    assert min(start for place, start in read if place == '/steps') == 199


def test_without_news_there_is_none(author, path):
    times = iter(range(2000, 3000))
    follower = Follower(path, lambda: float(next(times)))
    author.open(str(path))
    author.steps(0, 3)
    os.utime(path, (1500, 1500))
    # Until it has seen it change, the log alone knows when that was.
    assert follower.look().news == 1500
    assert follower.look().news == 1500
    author.steps(3, 4)
    news = follower.look().news
    assert news > 2000
    assert follower.look().news == news
    author.event(1.0, 20, 0, 'returned')
    assert follower.look().news > news
    author.close()


def test_a_log_that_is_written_all_the_time(tmp_path, path, follower):
    """It is never refused, and no step is lost or seen twice."""
    with GrowingLog() as author:
        author.open(str(path))
        author.begin('write_on', 0, 100_000)
        steps = []
        while len(set(steps)) < 50:
            steps.append(follower.look().steps)
        author.kill()
    assert steps == sorted(steps)
    assert_right(assert_as_if_new(follower, path), path)


# --- rows that vanish ----------------------------------------------------

def test_a_run_that_goes_back(author, path, follower):
    author.open(str(path))
    author.steps(0, 30)
    assert follower.look().steps == 30
    author.back(12)
    facts = assert_as_if_new(follower, path)
    assert (facts['steps'], facts['rollbacks'], facts['undone']) == (
        12, 1, 88)
    author.steps(12, 50)
    facts = assert_as_if_new(follower, path)
    assert facts['steps'] == 50
    # Grown again in the meantime, nothing seems to have been cut.
    author.back(20)
    author.steps(20, 60)
    facts = assert_as_if_new(follower, path)
    assert (facts['steps'], facts['rollbacks']) == (60, 2)
    assert_right(facts, path)
    author.close()


def test_a_run_that_is_killed_and_goes_on(path, follower):
    with GrowingLog() as author:
        author.open(str(path))
        author.steps(0, 30)
        author.event(1.0, 30, 3, 'lost')
        assert [it.worker for it in follower.look().gone] == [2]
        author.kill()
    assert_as_if_new(follower, path)
    inode = path.stat().st_ino
    with GrowingLog() as author:
        author.take_over(str(path), 20)
        author.event(2.0, 30, 0, 'resumed')
        assert path.stat().st_ino != inode
        facts = assert_as_if_new(follower, path)
        # Whoever was dead is another process now.
        assert (facts['steps'], facts['gone']) == (20, ())
        author.steps(20, 25)
        assert_right(assert_as_if_new(follower, path), path)
        author.close()


def test_another_run_takes_the_name(author, path, follower):
    author.open(str(path))
    author.steps(0, 40)
    assert follower.look().steps == 40
    author.close()
    author.open(str(path))
    author.steps(0, 60)
    author.close()
    facts = assert_as_if_new(follower, path)
    assert facts['steps'] == 60
    assert_right(facts, path)


def test_logs_of_before_do_not_tell_that_they_begin_anew(path, follower):
    """What was the last row must still be there."""
    for seconds in 1.0, 2.0:
        with create(path, DESIGNS[0], overwrite=True) as log:
            clean(log, DESIGNS[0], range(10),
                  np.full((10, 5), seconds))
        with h5py.File(path, 'a') as file:
            file.attrs.update({'version': 3, 'identity': 'the same'})
            del file['starts'], file['starts_places']
            rows = file['steps'][:]
            rows['seconds_step'] = seconds
            file['steps'][:] = rows
        assert_as_if_new(follower, path)
    assert follower.look().courses.seconds.most == 2


def test_parts_that_come_are_joined(tmp_path, path, follower):
    write(tmp_path, 1, range(15))
    assert follower.look().n_parts == 1
    write(tmp_path, 2, range(10, 18))
    facts = assert_as_if_new(follower, path)
    assert (facts['n_parts'], facts['steps'],
            facts['job']['n_workers']) == (2, 18, 4)
    write(tmp_path, 3, range(13, 21))
    facts = assert_as_if_new(follower, path)
    assert (facts['n_parts'], facts['steps'],
            facts['job']['n_workers']) == (3, 21, 6)
    with load_run(path) as run:
        assert follower.look().courses.seconds.n == run.n_steps


# --- who is slow, silent, wrong --------------------------------------------

def test_who_was_silent_and_is_heard_again_is_not_gone(author, path,
                                                       follower):
    author.open(str(path))
    author.steps(0, 2)
    author.event(1e6, 30, 2, 'silent')
    author.event(1e6, 30, 4, 'lost')
    assert [(it.worker, it.last, it.lost) for it in follower.look().gone] == [
        (1, 1, False), (3, 1, True)]
    author.close()
    # The steps took seconds each: those after second 0 are later.
    author.open(str(path))
    author.event(0.0, 30, 2, 'silent')
    author.steps(0, 5)
    assert follower.look().gone == ()
    author.close()


def test_who_goes_back_to_work_does_not_rest(author, path, follower):
    author.open(str(path))
    author.steps(0, 1)
    for seconds, code, rests in ((1.0, 'resting', True),
                                 (2.0, 'returned', False),
                                 (3.0, 'resting', True)):
        author.event(seconds, 30, 3, code)
        assert {it.worker for it in follower.look().slow
                if it.rests} == ({2} if rests else set())
    author.close()


def test_the_slow_worker_is_named_and_how_slow_it_is(path, follower):
    reported = np.full((40, 5), 1.0)
    reported[:, 3] = 3.0
    with create(path, DESIGNS[0]) as log:
        clean(log, DESIGNS[0], range(40), reported)
    slow, = follower.look().slow
    assert slow.worker == 3
    assert slow.times == pytest.approx(3.0)
    # Of 0.4 s a step, which the row says, 2 s were for worker 3.
    assert slow.share == pytest.approx(2.0 / 0.4)


def test_equally_fast_workers_are_not_called_slow(path, follower):
    rng = np.random.default_rng(5)
    with create(path, DESIGNS[0]) as log:
        clean(log, DESIGNS[0], range(400),
              0.1 + rng.random((400, 5)) / 10)
    assert follower.look().slow == ()


def test_who_was_late_once_long_ago_is_not_named_for_ever(path, follower):
    record, n_workers = a_record(DESIGNS[0]), DESIGNS[0].n_workers
    nobody = np.zeros(n_workers, dtype=bool)
    lies = np.zeros_like(DESIGNS[0].incidence, dtype=bool)
    named = {}
    with create(path, DESIGNS[0]) as log:
        for step in range(400):
            log.append(replace(
                record, step=step, late=(np.arange(n_workers) == 2)
                & (step == 3)), nobody, lies, nobody, nobody)
            if step in (5, 399):
                log.flush()
                named[step] = [(it.worker, it.late, it.last_late)
                               for it in follower.look().slow]
    assert named == {5: [(2, 1, 3)], 399: []}


def test_who_has_no_work_is_named_first(author, path, follower):
    author.open(str(path))
    author.steps(0, 10)
    for worker in range(5):
        author.event(1.0, 30, worker + 1, 'resting')
        assert follower.look().slow[0].rests
        assert [it.rests for it in follower.look().slow] == sorted(
            (it.rests for it in follower.look().slow), reverse=True)
    author.close()


# --- the end ---------------------------------------------------------------

@pytest.mark.parametrize('steps, asked, over', [
    (39, (), False), (40, (), True), (10, ('failed',), True),
    (10, ('interrupt',), False)])
def test_a_run_is_over_when_all_is_done_or_it_has_failed(
        author, path, follower, steps, asked, over):
    author.open(str(path))
    author.steps(0, steps)
    for code in asked:
        author.event(5.0, 40, 0, code)
    found = follower.look()
    assert found.over == over
    assert found.asked == ('interrupt' in asked)
    author.close()


def test_a_failed_run_that_goes_on_is_not_over(author, path, follower):
    author.open(str(path))
    author.steps(0, 10)
    author.event(5.0, 40, 0, 'failed')
    assert follower.look().over
    author.resume(10)
    author.event(6.0, 30, 0, 'resumed')
    assert not follower.look().over
    author.close()


# --- what is not there, or is no log ---------------------------------------

def test_a_log_that_is_not_there_yet_is_waited_for(author, path, follower):
    assert follower.look() == Missing(str(path), 1000.0, False)
    author.open(str(path))
    assert isinstance(follower.look(), Facts)
    author.steps(0, 2)
    author.close()
    assert follower.look().steps == 2
    aside = path.rename(path.with_name('aside'))
    assert follower.look() == Missing(str(path), 1000.0, True)
    aside.rename(path)
    assert follower.look().steps == 2


def broken(kind, path):
    """Spoil a log."""
    if kind == 'cut off':
        os.truncate(path, path.stat().st_size // 2)
    elif kind == 'text':
        path.write_text('no HDF5')
    else:
        with h5py.File(path, 'a') as file:
            file.attrs[kind] = 99 if kind == 'version' else 'another'


@pytest.mark.parametrize('kind, before', [
    ('cut off', False), ('text', False), ('version', False),
    ('format', False), ('cut off', True), ('version', True)])
def test_what_is_no_log_is_refused_as_show_does(
        author, path, follower, kind, before):
    author.open(str(path))
    author.steps(0, 20)
    author.close()
    if before:
        follower.look()
    broken(kind, path)
    with pytest.raises(RunLogError) as told:
        follower.look()
    with pytest.raises(RunLogError) as shown:
        load_run(path)
    assert str(told.value) == str(shown.value)


def test_a_log_that_cannot_be_read_for_a_moment_is_read_again(
        author, path):
    author.open(str(path))
    author.steps(0, 20)
    author.close()
    whole, pauses = path.read_bytes(), []

    def mend(seconds):
        pauses.append(seconds)
        path.write_bytes(whole)
    path.write_bytes(whole[:2000])
    assert Follower(path, time.time, mend).look().steps == 20
    assert len(pauses) == 1
