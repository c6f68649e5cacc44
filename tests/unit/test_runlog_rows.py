"""Rows of the run log come back as they were written."""

import h5py
import numpy as np
import pytest

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import (
    Arrival, ArrivalKind, Evaluation, Event, Reordering)
from tests.support.expected_rows import (
    expect_arrivals, expect_made_up, expect_made_up_arrivals)
from tests.support.log_contract import BESIDE
from tests.support.made_up_logs import (
    create, fill, made_up, made_up_arrivals, made_up_exposure)


@pytest.mark.parametrize('assignment, steps', [
    (Subset(5, replication=3), 200), (Subset(8, replication=3), 64),
    (Uncoded(3), 1), (Uncoded(3), 0)])
def test_round_trip(tmp_path, assignment, steps):
    with create(tmp_path / 'deep' / 'run.h5', assignment) as log:
        fill(log, assignment, range(steps))
    with load_run(tmp_path / 'deep' / 'run.h5') as run:
        assert run.n_steps == steps
        expect_made_up(run)
        np.testing.assert_array_equal(run.incidence, assignment.incidence)
        np.testing.assert_array_equal(run.order, assignment.order)
        np.testing.assert_array_equal(run.steps['n_flagged'],
                                      run.flagged.sum(axis=1))
        np.testing.assert_array_equal(run.steps['n_excluded'],
                                      run.excluded.sum(axis=1))
        assert run.config['scheme']['adversaries'] == 3
        assert run.attrs['seed'] == 7
        assert run.attrs['clock'] == 'wall'


def test_packed_is_packbits_of_the_flat_matrix(tmp_path):
    assignment = Subset(5, replication=3)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, [3])
    with h5py.File(tmp_path / 'run.h5') as file:
        expected = np.packbits(made_up(3, 10, 5).contributors.reshape(-1))
        np.testing.assert_array_equal(file['resolution/contributors'][0],
                                      expected)


def test_large_rows_are_compressed_and_read_back(tmp_path):
    incidence = np.zeros((2500, 20), dtype=bool)
    incidence[np.arange(2500), np.arange(2500) % 20] = True
    assignment = Assignment(incidence)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, range(5))
    with load_run(tmp_path / 'run.h5') as run:
        expect_made_up(run)
    with h5py.File(tmp_path / 'run.h5') as file:
        data = file['resolution/contributors']
        assert data.compression == 'gzip'
        assert data.chunks == (1, 6250)
        assert file['detection/flagged'].compression is None
        assert 1 << 15 < np.prod(file['detection/flagged'].chunks) <= 1 << 16


def test_slices_of_steps(tmp_path):
    assignment = Subset(5, replication=3)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, range(30))
    with load_run(tmp_path / 'run.h5') as run:
        whole = run.contributors
        for steps in (slice(3, 9), slice(-4, None), slice(2, 20, 5),
                      slice(9, 3), slice(50, 60)):
            np.testing.assert_array_equal(run.read('contributors', steps),
                                          whole[steps])


def test_evaluations_and_events(tmp_path):
    said = 'Byzantinisch? – ja\0nein \udc80'
    with create(tmp_path / 'run.h5', Uncoded(3)) as log:
        log.evaluation(Evaluation(20, 1.5, 0.25, float('nan')))
        log.flush()
        log.evaluation(Evaluation(40, 3.0, 0.125, 0.5))
        log.event(Event(2.5, 30, 3, said))
    with load_run(tmp_path / 'run.h5') as run:
        assert run.evaluation['step'].tolist() == [20, 40]
        assert run.evaluation['loss'].tolist() == [0.25, 0.125]
        assert run.evaluation['accuracy'][1] == 0.5
        assert run.events == [
            Event(2.5, 30, 3, 'Byzantinisch? – ja\ufffdnein ?')]


def test_arrivals_keep_their_order(tmp_path):
    assignment = Subset(8, replication=3)       # 21 files each: three bytes
    groups = [made_up_arrivals(step, 8, 21) for step in (3, 4, 3)]
    with create(tmp_path / 'run.h5', assignment) as log:
        for group in groups:
            log.arrivals(group)
            log.flush()
    with load_run(tmp_path / 'run.h5') as run:
        expect_arrivals(run.arrivals, sum(groups, []))
        expect_arrivals(run.arrivals_of(3), groups[0] + groups[2])
        assert len(run.arrivals_of(5)) == 0


def test_finished_positions_are_unpacked(tmp_path):
    assignment = Subset(6, replication=3)       # 10 files each: two bytes
    done = np.zeros((4, 10), dtype=bool)
    done[0, [0, 3]] = done[1, :] = done[2, 9] = True
    # What is short is padded, what is long is cut: a log never refuses.
    bits = [np.packbits(done[0])[:1].tobytes(),
            np.packbits(done[1]).tobytes() + b'more',
            np.packbits(done[2]).tobytes(), b'']
    with create(tmp_path / 'run.h5', assignment) as log:
        log.arrivals(Arrival(0, 1, ArrivalKind.PROGRESS, 1, 0.5, 48, some)
                     for some in bits)
    with load_run(tmp_path / 'run.h5') as run:
        np.testing.assert_array_equal(run.finished(run.arrivals), done)
        assert run.finished(run.arrivals_of(7)).shape == (0, 10)


def test_waiting_arrivals_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr('aspis_mpi.runlog.writer.MOST_ARRIVALS', 12)
    with create(tmp_path / 'run.h5', Uncoded(3)) as log:
        for step, written in enumerate((0, 0, 15, 15, 15, 30)):
            log.arrivals(made_up_arrivals(step, 3, 1))
            with load_run(tmp_path / 'run.h5') as run:
                assert len(run.arrivals) == written


def test_many_arrivals_are_read_a_window_at_a_time(tmp_path, monkeypatch):
    groups = [made_up_arrivals(step, 3, 1) for step in range(40)]
    with create(tmp_path / 'run.h5', Uncoded(3)) as log:
        log.arrivals(sum(groups, []))
    monkeypatch.setattr('aspis_mpi.runlog.reader.WINDOW', 1000)
    with load_run(tmp_path / 'run.h5') as run:
        expect_arrivals(run.arrivals, sum(groups, []))
        expect_arrivals(run.arrivals_of(17), groups[17])


def test_order_changes_from_a_step_on(tmp_path):
    assignment = Assignment([[1, 1, 0], [1, 0, 1], [1, 1, 1]])
    orders = [assignment.order, assignment.order[:, [1, 0, 2]],
              assignment.order[:, [2, 1, 0]]]
    with create(tmp_path / 'run.h5', assignment) as log:
        log.reordering(Reordering(4, orders[1]))
        log.flush()
        log.reordering(Reordering(9, orders[2]))
        with pytest.raises(ValueError, match=r'\(3, 2\).* \(3, 3\)'):
            log.reordering(Reordering(9, assignment.order[:, :2]))
    with load_run(tmp_path / 'run.h5') as run:
        for step, which in ((0, 0), (3, 0), (4, 1), (8, 1), (9, 2), (50, 2)):
            np.testing.assert_array_equal(run.order_at(step), orders[which])
        np.testing.assert_array_equal(run.order, assignment.order)


@pytest.mark.parametrize('n_workers, load', [(1100, 1), (2100, 8)])
def test_orders_of_many_workers(tmp_path, n_workers, load):
    incidence = np.zeros((n_workers, n_workers), dtype=bool)
    for shift in range(load):
        incidence |= np.roll(np.eye(n_workers, dtype=bool), shift, axis=0)
    assignment = Assignment(incidence)
    with create(tmp_path / 'run.h5', assignment) as log:
        log.reordering(Reordering(1, assignment.order[:, ::-1]))
    with load_run(tmp_path / 'run.h5') as run:
        np.testing.assert_array_equal(run.order_at(0), assignment.order)
        np.testing.assert_array_equal(run.order_at(1),
                                      assignment.order[:, ::-1])


def test_own_rows_that_did_not_reach_the_disk_are_left_out(tmp_path):
    assignment = Subset(5, replication=3)
    with create(tmp_path / 'run.h5', assignment) as log:
        log.arrivals(made_up_arrivals(0, 5, 6))
        log.reordering(Reordering(0, assignment.order[:, ::-1]))
        log.event(Event(0.0, 20, 0, 'said'))
        log.exposure(made_up_exposure(0))
    with h5py.File(tmp_path / 'run.h5', 'a') as file:
        for rows, (beside, _) in BESIDE.items():
            file[rows].resize(8, axis=0)
            file[beside].resize(8, axis=0)
    with load_run(tmp_path / 'run.h5') as run:
        assert len(run.arrivals) == len(run.arrivals_of(0)) == 5
        assert run.events == [Event(0.0, 20, 0, 'said')]
        assert run.exposures == [made_up_exposure(0)]
        np.testing.assert_array_equal(run.order_at(7),
                                      assignment.order[:, ::-1])


@pytest.mark.parametrize('longer', [0, 1])
def test_a_row_counts_with_what_lies_beside_it(tmp_path, longer):
    assignment = Subset(5, replication=3)
    orders = assignment.order[:, ::-1], assignment.order
    with create(tmp_path / 'run.h5', assignment) as log:
        for step in range(2):
            log.arrivals(made_up_arrivals(step, 5, 6))
            log.reordering(Reordering(step, orders[step]))
            log.event(Event(step, 20, 0, 'said'))
            log.exposure(made_up_exposure(step))
    with h5py.File(tmp_path / 'run.h5', 'a') as file:
        for rows, (beside, _) in BESIDE.items():
            data = file[(rows, beside)[longer]]
            data.resize(len(data) // 2, axis=0)
    with load_run(tmp_path / 'run.h5') as run:
        expect_arrivals(run.arrivals, made_up_arrivals(0, 5, 6))
        assert run.events == [Event(0, 20, 0, 'said')]
        assert run.exposures == [made_up_exposure(0)]
        np.testing.assert_array_equal(run.order_at(1), orders[0])


def test_what_lies_beside_is_on_the_disk_before_its_row(tmp_path,
                                                        monkeypatch):
    """At each flush all that a table has is told of completely."""
    assignment = Subset(5, replication=3)
    seen, flush = [], h5py.File.flush

    def watched(file):
        flush(file)
        with load_run(tmp_path / 'run.h5') as run:
            expect_made_up_arrivals(run)
            seen.append((run.n_steps, len(run.arrivals), len(run.events)))
            assert run.events == [Event(i, 20, 0, f'{i}')
                                  for i in range(len(run.events))]
            assert run.exposures == [made_up_exposure(i)
                                     for i in range(len(run.events))]
            for step in range(run.n_steps):
                np.testing.assert_array_equal(run.order_at(step), np.roll(
                    assignment.order, step, axis=1))
    with create(tmp_path / 'run.h5', assignment) as log:
        monkeypatch.setattr(h5py.File, 'flush', watched)
        for step in range(3):
            log.arrivals(made_up_arrivals(step, 5, 6))
            log.reordering(Reordering(step, np.roll(
                assignment.order, step, axis=1)))
            log.event(Event(step, 20, 0, f'{step}'))
            log.exposure(made_up_exposure(step))
            fill(log, assignment, [step])
            log.flush()
        monkeypatch.undo()
    assert seen == [(step + (part > 1), 5 * (step + (part > 0)),
                     step + (part > 0))
                    for step in range(3) for part in range(3)]
