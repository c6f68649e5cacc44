"""Comparison of a read log with the made-up rows that it must hold."""

import numpy as np

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.runlog import schema
from aspis_mpi.schemes.record import Event
from tests.support.log_contract import COLUMNS
from tests.support.made_up_logs import (
    made_up, made_up_arrivals, made_up_exposure, made_up_truth)


def order_of(step, assignment):
    """An order that depends on the step."""
    return np.roll(assignment.order, step, axis=1)


def expect_what_was_written(run):
    """All rows are whole, those of tables with what lies beside them."""
    expect_made_up(run)
    expect_made_up_arrivals(run)
    assert run.events == [Event(i, 30, 0, f'step {i}')
                          for i in range(len(run.events))]
    assert len(run.events) >= run.n_steps
    assert run.exposures == [made_up_exposure(i)
                             for i in range(len(run.exposures))]
    assert len(run.exposures) >= run.n_steps
    assignment = Assignment(run.incidence)
    for step in range(max(0, run.n_steps - 3), run.n_steps):
        np.testing.assert_array_equal(run.order_at(step),
                                      order_of(step, assignment))


def expect_made_up(run):
    """Every row of every array is the made-up one of its step."""
    records = [made_up(t, run.n_files, run.n_workers)
               for t in range(run.n_steps)]
    truths = [made_up_truth(t, run.n_files, run.n_workers)
              for t in range(run.n_steps)]
    version = run.attrs['version']
    for item in schema.RECORD:
        if item.since > version:
            continue
        expected = [getattr(record, item.name) for record in records]
        shape = run.n_steps, *item.shape(run.n_files, run.n_workers)
        np.testing.assert_array_equal(
            run.read(item.name),
            np.array(expected, item.dtype).reshape(shape), strict=True)
    for item, expected in zip(schema.TRUTH, zip(*truths)):
        if item.since > version:
            continue
        np.testing.assert_array_equal(run.read(item.name), expected)
    for name in set(COLUMNS['steps']) - {'n_flagged', 'n_excluded'}:
        expected = [getattr(record, name) for record in records]
        np.testing.assert_array_equal(run.steps[name], expected)


def expect_arrivals(rows, arrivals):
    """Rows of the file hold what the arrivals say."""
    for name, column in zip(('step', 'worker', 'kind', 'files_done',
                             'seconds', 'nbytes', 'turn'), rows.dtype.names):
        expected = [getattr(arrival, name) for arrival in arrivals]
        np.testing.assert_array_equal(rows[column], expected)
    assert [row.tobytes() for row in rows['finished']] == [
        arrival.finished for arrival in arrivals]


def expect_made_up_arrivals(run):
    """Every step that the log names has all of its made-up arrivals."""
    for step in range(run.n_steps):
        expect_arrivals(run.arrivals_of(step), made_up_arrivals(
            step, run.n_workers, run.order.shape[1]))
