"""Evaluations, events, exposures and arrivals of a run of several parts."""

import numpy as np
import pytest

from aspis_mpi.runlog import schema
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import Reordering
from tests.support.made_up_logs import create, fill, made_up_arrivals, mark
from tests.support.run_parts import COUNTING, DESIGNS, three_parts


@pytest.fixture
def three(tmp_path):
    """The first of three parts of a run."""
    return three_parts(tmp_path)


def test_evaluations_of_models_that_did_not_go_on_are_left_out(three):
    with load_run(three) as run:
        evaluation = run.evaluation
    # After 10 steps the first part's model is the one that went on.
    assert evaluation['step'].tolist() == list(range(1, 22))
    assert evaluation['loss'].tolist() == 10 * [1] + 3 * [2] + 8 * [3]
    assert (np.diff(evaluation['seconds']) > 0).all()


def test_all_events_remain_in_order_of_time(three):
    with load_run(three) as run:
        events = run.events
    times = [event.time for event in events]
    assert times == sorted(times)
    assert {event.text for event in events} == {
        f'{number}: {step}' for number, steps in enumerate(
            (range(15), range(10, 18), range(13, 21)), 1) for step in steps}
    assert [event.text for event in events if event.time == 140] == [
        '1: 14', '2: 14', '3: 14']


def test_exposures_of_what_was_done_again_are_left_out(three):
    expected = [(step, number, f'{number}: {step}')
                for number, (steps, _) in enumerate(COUNTING, 1)
                for step in steps]
    with load_run(three) as run:
        assert [(it.step, it.worker, it.text)
                for it in run.exposures] == expected
        assert [it.step for it in run.parts[1].exposures] == [10, 11, 12]


def test_arrivals_of_what_was_done_again_are_left_out(three):
    expected = [arrival for steps, design in COUNTING for step in steps
                for arrival in made_up_arrivals(step, design.n_workers,
                                                design.load)]
    with load_run(three) as run:
        rows = run.arrivals
        assert rows.dtype == schema.arrivals(10).dtype
        assert rows['step'].tolist() == [a.step for a in expected]
        assert rows['seconds'].tolist() == [a.seconds for a in expected]
        assert [row.tobytes() for row in rows['finished']] == [
            arrival.finished.ljust(2, b'\0') for arrival in expected]
        for step in range(21):
            np.testing.assert_array_equal(run.arrivals_of(step),
                                          rows[rows['step'] == step])
        assert len(run.arrivals_of(21)) == 0


def test_finished_positions_are_those_of_the_orders(three):
    with load_run(three) as run:
        found = run.finished(run.arrivals)
        assert found.shape == (21 * 5, 10)
        # Parts differ in their load: 6, 3 and 10 positions.
        assert not found[:50, 6:].any() and not found[50:65, 3:].any()
        for step in (3, 11, 18):
            part = run.part_of(step)
            own = part.finished(part.arrivals_of(step))
            np.testing.assert_array_equal(
                run.finished(run.arrivals_of(step))[:, :own.shape[1]], own)


def test_orders_are_those_of_the_part_that_did_the_step(tmp_path):
    path = tmp_path / 'run.h5'
    first, second = DESIGNS[0], DESIGNS[1]
    with create(path, first) as log:
        fill(log, first, range(8))
        log.reordering(Reordering(3, first.order[:, ::-1]))
        log.reordering(Reordering(7, first.order[:, [1, 0, 2, 3, 4, 5]]))
    with create(tmp_path / 'run.2.h5', second) as log:
        fill(log, second, range(6, 9))
        log.reordering(Reordering(8, second.order[:, ::-1]))
    mark(tmp_path / 'run.2.h5', 6)
    with load_run(path) as run:
        for step, order in ((2, first.order), (3, first.order[:, ::-1]),
                            (5, first.order[:, ::-1]), (6, second.order),
                            (7, second.order), (8, second.order[:, ::-1])):
            expected = np.full((5, 6), -1)
            expected[:order.shape[0], :order.shape[1]] = order
            np.testing.assert_array_equal(run.order_at(step), expected)
