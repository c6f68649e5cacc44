"""A log whose run goes back: what is cut, what stays, what a kill leaves."""

import shutil

import numpy as np
import pytest

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.detection.tensors import TensorDifference
from aspis_mpi.errors import Unwritable
from aspis_mpi.runlog import writer
from aspis_mpi.runlog.claims import Claim, claim
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.stretch import Stretch
from aspis_mpi.schemes.record import (
    Cause, Evaluation, Event, ExposureRecord, Reordering, Rollback)
from tests.support.made_up_logs import (
    create, fill, made_up, made_up_arrivals, made_up_truth)

DESIGN = Subset(5, replication=3)
F, K = DESIGN.n_files, DESIGN.n_workers


def add(log, steps, shift=0):
    """Rows of all tables, in turns 3 step + 1 + shift."""
    for step in steps:
        arrivals = made_up_arrivals(step, K, DESIGN.load)
        log.arrivals([_later(it, shift) for it in arrivals])
        fill(log, DESIGN, [step])
        log.evaluation(Evaluation(step + 1, step + shift, 1.0, 0.5))
        log.exposure(ExposureRecord(
            step, step, step % K, ProofKind.AUDIT, f'{step} {shift}',
            (TensorDifference(f'at {shift}', 0.5, 1, 2),),
            3 * step + 1 + shift))
        log.event(Event(step, 30, 0, f'{step} {shift}'))


def _later(arrival, shift):
    return type(arrival)(**(vars(arrival) | {'turn': arrival.turn + shift}))


@pytest.fixture
def path(tmp_path):
    """Twelve steps, of which five are undone, and two again."""
    with create(tmp_path / 'run.h5', DESIGN) as log:
        log.evaluation(Evaluation(0, 0.0, 2.0, 0.1))
        add(log, range(12))
        log.go_back(Rollback(100, 9.5, 12, 7))
        add(log, [7, 8], 100)
    return tmp_path / 'run.h5'


def test_rows_of_undone_steps_are_cut(path):
    with load_run(path) as run:
        assert run.steps['step'].tolist() == list(range(9))
        assert run.evaluation['step'].tolist() == list(range(10))
        assert run.evaluation['seconds'][-2:].tolist() == [107, 108]
        for step in range(9):
            right = made_up(step, F, K)
            assert run.contributors[step].tolist() == (
                right.contributors.tolist())


def test_arrivals_exposures_and_events_stay(path):
    with load_run(path) as run:
        steps = [it.step for it in run.exposures]
        assert steps == [*range(12), 7, 8]
        assert [it.tensors[0].tensor for it in run.exposures] == (
            ['at 0'] * 12 + ['at 100'] * 2)
        assert len(run.events) == 14
        arrivals = run.arrivals
        assert arrivals['step'].tolist() == np.repeat(steps, 5).tolist()
        undone = run.undone(arrivals)
        assert undone.tolist() == np.repeat(
            [False] * 7 + [True] * 5 + [False] * 2, 5).tolist()
        assert set(run.arrivals_of(7)['turn']) == {122}
        assert len(run.arrivals_of(7)) == 5
        assert len(run.arrivals_of(11)) == 5


def test_the_table_tells_what_was_undone(path):
    wrong = 0
    for step in range(7, 12):
        _, lies, payloads, _ = made_up_truth(step, F, K)
        used = made_up(step, F, K).contributors
        wrong += int((used & (lies | payloads)).any(axis=0).sum())
    with load_run(path) as run:
        it, = run.rollbacks
    assert it == Rollback(100, 9.5, 12, 7, Cause.EXPOSURE, wrong)
    assert it.undone == 5 and wrong > 5


def test_the_order_of_computing_stays_as_it_was(tmp_path):
    """Nothing that is known of workers is undone."""
    first, second = DESIGN.order[:, ::-1], np.roll(DESIGN.order, 1, axis=1)
    with create(tmp_path / 'run.h5', DESIGN) as log:
        add(log, range(3))
        log.reordering(Reordering(2, first))
        add(log, range(3, 9))
        log.reordering(Reordering(8, second))
        log.go_back(Rollback(60, 1.0, 9, 4))
        add(log, range(4, 6), 60)
        log.go_back(Rollback(90, 1.0, 6, 5))
    with load_run(tmp_path / 'run.h5') as run:
        for step, order in ((1, DESIGN.order), (3, first), (4, second),
                            (5, second)):
            np.testing.assert_array_equal(run.order_at(step), order)
        assert [it.end for it in run.rollbacks] == [4, 5]


def test_back_to_the_beginning(tmp_path):
    with create(tmp_path / 'run.h5', DESIGN) as log:
        log.evaluation(Evaluation(0, 0.0, 2.0, 0.1))
        add(log, range(3))
        log.go_back(Rollback(30, 1.0, 3, 0))
        add(log, [0], 30)
    with load_run(tmp_path / 'run.h5') as run:
        assert run.evaluation['step'].tolist() == [0, 1]
        assert run.n_steps == 1
        assert run.attrs['last_checkpoint'] == 0


def test_what_is_resumed_afterwards(path):
    """Turns of undone steps stay, those that are done again do not."""
    turn = 3 * 8 + 1 + 100
    with create(path, DESIGN, overwrite=True,
                stretch=Stretch(8, True, turn=turn)) as log:
        add(log, [8], 200)
    with load_run(path) as run:
        assert run.n_steps == 9 and len(run.rollbacks) == 1
        assert [it.text for it in run.exposures[-3:]] == [
            '11 0', '7 100', '8 200']
        assert [it.tensors[0].tensor for it in run.exposures[-2:]] == [
            'at 100', 'at 200']
        assert set(run.arrivals_of(8)['turn']) == {225}
        assert not run.undone(run.arrivals_of(8)).any()


def test_a_rollback_is_told_once(path):
    it = Rollback(100, 9.5, 12, 7)
    again = Rollback(150, 11.0, 9, 3, Cause.HAND, 4)
    create(path, DESIGN, overwrite=True, stretch=Stretch(
        3, True, turn=150, rollbacks=(it, again))).close()
    with load_run(path) as run:
        assert [(one.turn, one.end) for one in run.rollbacks] == [
            (100, 7), (150, 3)]
        assert run.rollbacks[1] == again and run.rollbacks[0].wrong > 0


def test_one_that_was_given_up_is_forgotten(path):
    """The checkpoint that it wrote is damaged: an older one is used."""
    create(path, DESIGN, overwrite=True,
           stretch=Stretch(5, True, turn=16)).close()
    with load_run(path) as run:
        assert not run.rollbacks and run.n_steps == 5
        assert run.arrivals['turn'].max() == 13


def test_a_cut_that_fails_leaves_what_there_was(path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, 'no space')
    before = shutil.copy(path, path.with_name('before.h5'))
    with pytest.raises(Unwritable, match='No space left'):
        with create(path, DESIGN, overwrite=True,
                    stretch=Stretch(9, True, turn=200)) as log:
            log.flush()
            monkeypatch.setattr(writer, 'copy', full)
            log.go_back(Rollback(300, 1.0, 9, 3))
    with load_run(path) as run, load_run(before) as other:
        assert run.steps.tobytes() == other.steps.tobytes()
        assert len(run.rollbacks) == 1
    # Nobody has the names any more.
    claim(path).close()
    Claim(path, again=True).close()
    assert not list(path.parent.glob('.*'))


def test_one_process_writes_on_after_going_back(tmp_path):
    with create(tmp_path / 'run.h5', DESIGN) as log:
        add(log, range(3))
        log.go_back(Rollback(30, 1.0, 3, 1))
        with pytest.raises(Exception, match='written by another process'):
            claim(tmp_path / 'run.h5')
    claim(tmp_path / 'run.h5').close()
