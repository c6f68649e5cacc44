"""A run whose log has several parts is read as one run."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.joined import ABSENT, JoinedRun
from aspis_mpi.runlog.flagging import Flagging
from aspis_mpi.runlog.reader import Run, load_run
from aspis_mpi.runlog.summary import format_summary
from aspis_mpi.runlog.totals import summarize
from tests.support.made_up_logs import (
    JOB, create, fill, made_up, made_up_arrivals, made_up_truth, mark)
from tests.support.run_parts import (
    COUNTING, DESIGNS, rows_of, three_parts, write)


@pytest.fixture
def three(tmp_path):
    """The first of three parts of a run."""
    return three_parts(tmp_path)


# -- the rows

def test_each_step_is_the_one_that_was_done_last(three):
    with load_run(three) as run:
        assert isinstance(run, JoinedRun)
        assert run.steps['step'].tolist() == list(range(21))
        assert (run.n_steps, run.n_files, run.n_workers) == (21, 20, 6)
        expected = [made_up(step, design.n_files, 5).files_missing
                    for steps, design in COUNTING for step in steps]
        assert run.steps['files_missing'].tolist() == expected


@pytest.mark.parametrize('name', sorted(set(schema.ROWS) - {'steps'}))
def test_rows_are_padded_with_what_is_not_there(three, name):
    nothing = {'excluded': True, 'source': -5, 'first_report': np.nan,
               'last_report': np.nan}.get(name, 0)
    item = schema.ROWS[name]
    with load_run(three) as run:
        found = run.read(name)
        np.testing.assert_array_equal(getattr(run, name), found)
    assert found.dtype == item.dtype
    assert found.shape == (21, *item.shape(20, 6))
    for row, expected in zip(found, rows_of(name), strict=True):
        corner = tuple(map(slice, expected.shape))
        np.testing.assert_array_equal(row[corner], expected)
        outside = np.ones(row.shape, dtype=bool)
        outside[corner] = False
        np.testing.assert_array_equal(
            row[outside], np.full(outside.sum(), nothing, item.dtype))


def test_who_is_not_there_changes_no_count(three):
    with load_run(three) as run:
        for name in ('flagged', 'disagreements', 'contributors', 'lies',
                     'adversaries', 'payload_lies', 'exposed', 'copies',
                     'files_done'):
            axes = tuple(range(1, run.read(name).ndim))
            np.testing.assert_array_equal(
                run.read(name).sum(axis=axes, dtype=int),
                [row.sum(dtype=int) for row in rows_of(name)])
        assert (~run.excluded).sum() == sum(
            (~row).sum() for row in rows_of('excluded'))
        for value in range(-4, 6):
            assert (run.source == value).sum() == sum(
                (row == value).sum() for row in rows_of('source'))
        assert (run.source == ABSENT).sum() == 10 * 10 + 3 * 16


@pytest.mark.parametrize('steps', [
    slice(None), slice(3, 9), slice(8, 15), slice(10, 13), slice(12, 14),
    slice(-4, None), slice(2, 20, 5), slice(0, 21, 11), slice(9, 3),
    slice(50, 60), slice(20, 99, 7)])
@pytest.mark.parametrize('name', ['contributors', 'steps', 'margin'])
def test_windows(three, name, steps):
    with load_run(three) as run:
        found, wanted = run.read(name, steps), run.read(name)[steps]
        assert found.dtype == wanted.dtype and found.shape == wanted.shape
        assert found.tobytes() == wanted.tobytes()


def test_a_window_reads_only_the_parts_that_it_needs(three):
    with load_run(three) as run:
        run.parts[0].close()
        run.parts[1].close()
        assert run.read('lies', slice(13, 21)).shape == (8, 20, 6)
        assert run.read('lies', slice(15, 15)).shape == (0, 20, 6)
        with pytest.raises(RunLogError, match='run.2.h5 was closed'):
            run.read('lies', slice(12, 21))


def test_steps_that_do_not_ascend_are_refused(three):
    with load_run(three) as run:
        with pytest.raises(ValueError, match='must ascend'):
            run.read('lies', slice(None, None, -1))


def test_a_part_of_which_nothing_remains(tmp_path):
    path = write(tmp_path, 1, range(15))
    write(tmp_path, 2, range(10, 18))
    write(tmp_path, 3, range(5, 8))
    with load_run(path) as run:
        assert [part.n_steps for part in run.parts] == [5, 0, 3]
        assert run.steps['step'].tolist() == list(range(8))
        assert run.evaluation['step'].tolist() == list(range(1, 9))
        assert run.evaluation['loss'].tolist() == 5 * [1] + 3 * [3]
        assert {run.part_of(step).n_workers for step in range(5)} == {5}
        assert {run.part_of(step).n_workers for step in range(5, 30)} == {6}
        summarize(run)


def test_a_last_part_without_rows(tmp_path):
    path = write(tmp_path, 1, range(15))
    write(tmp_path, 2, [], 12)
    with load_run(path) as run:
        assert run.steps['step'].tolist() == list(range(12))
        assert run.contributors.shape == (12, 10, 5)
        assert len(run.wrong_files) == 12
        assert run.part_of(12).n_workers == 4
        assert len(run.arrivals_of(12)) == 0
        assert '12 of 40 done' in format_summary(summarize(run))


def test_no_rows_at_all(tmp_path):
    path = write(tmp_path, 1, [])
    write(tmp_path, 2, [], 0)
    with load_run(path) as run:
        assert run.flagged.shape == (0, 5)
        assert len(run.evaluation) == len(run.arrivals) == 0
        assert np.isnan(run.flagging.precision)
        format_summary(summarize(run))


def test_steps_that_no_part_holds_are_a_gap(tmp_path):
    path = write(tmp_path, 1, range(8))
    write(tmp_path, 2, range(10, 12))
    with load_run(path) as run:
        assert run.steps['step'].tolist() == [*range(8), 10, 11]
        np.testing.assert_array_equal(
            run.lies[8, :4, :4], made_up_truth(10, 4, 4)[1])


def test_rows_that_a_kill_left_incomplete_do_not_count(tmp_path):
    path = write(tmp_path, 1, range(15))
    write(tmp_path, 2, range(14, 20))
    with h5py.File(path, 'a') as file:
        file['progress/last_report'].resize(9, axis=0)
    with h5py.File(tmp_path / 'run.2.h5', 'a') as file:
        file['steps'].resize(4, axis=0)
        file['steps'].resize(5, axis=0)
    with load_run(path) as run:
        assert run.steps['step'].tolist() == [*range(9), *range(14, 18)]


# -- truth

def test_wrong_files_and_flags_are_those_of_the_rows_that_count(three):
    wrong, right, false, missed = [], 0, 0, 0
    rows = zip(*(rows_of(name) for name in (
        'contributors', 'lies', 'payload_lies', 'flagged', 'adversaries',
        'excluded')))
    for contributors, lies, payload_lies, flagged, adversaries, out in rows:
        wrong.append(sum((contributors & (lies | payload_lies)).any(axis=1)))
        right += (flagged & adversaries).sum()
        false += (flagged & ~adversaries).sum()
        lied = lies.any(axis=0) | payload_lies
        missed += (~out & adversaries & lied & ~flagged).sum()
    with load_run(three) as run:
        assert run.wrong_files.tolist() == wrong
        assert run.flagging == Flagging(right, false, missed)
        # The same over the padded arrays, as a user's script may count.
        assert missed == (~run.excluded & run.adversaries & run.lied
                          & ~run.flagged).sum()


# -- the whole and its parts

def test_what_is_said_once_is_the_last_parts(tmp_path):
    path = write(tmp_path, 1, range(5))
    write(tmp_path, 2, range(5, 8), hosts=['n3', 'n4', 'n5'],
          job=JOB.replace('steps = 40', 'steps = 60'))
    mark(tmp_path / 'run.2.h5', 5, created='2999-01-01T00:00:00+00:00')
    with load_run(path) as run, Run(path) as first:
        assert run.config['run']['steps'] == run.option('run', 'steps') == 60
        assert run.attrs['hosts'] == ['n3', 'n4', 'n5']
        assert run.attrs['created'] == first.attrs['created']
        assert run.attrs.keys() == first.attrs.keys()
        assert run.attack == first.attack
        assert run.path == path


def test_parts_keep_their_designs(three):
    with load_run(three) as run:
        assert [part.path.name for part in run.parts] == [
            'run.h5', 'run.2.h5', 'run.3.h5']
        assert [part.first_step for part in run.parts] == [0, 10, 13]
        for part, (steps, design) in zip(run.parts, COUNTING):
            assert isinstance(part, Run) and part.parts == (part,)
            assert part.steps['step'].tolist() == list(steps)
            np.testing.assert_array_equal(part.incidence, design.incidence)
            np.testing.assert_array_equal(part.order, design.order)
            assert part.flagged.shape == (len(steps), design.n_workers)
            assert all(run.part_of(step) is part for step in steps)
        for name in ('incidence', 'order'):
            with pytest.raises(RunLogError, match=f'run.h5 .*{name} of its'):
                getattr(run, name)


def test_attributes_are_listed_and_unknown_ones_are_errors(three):
    with load_run(three) as run:
        assert {'flagged', 'lies', 'steps', 'parts'} <= set(dir(run))
        with pytest.raises(AttributeError, match='flaged'):
            run.flaged


def test_closing_closes_every_part(three):
    with load_run(three) as run:
        pass
    for part in run.parts:
        with pytest.raises(RunLogError, match='was closed'):
            part.flagged


def test_a_later_part_stands_for_itself_alone(three):
    with load_run(three.with_name('run.2.h5')) as run:
        assert isinstance(run, Run)
        assert run.steps['step'].tolist() == list(range(10, 18))
        assert run.evaluation['step'].tolist() == list(range(11, 19))
        assert len(run.arrivals) == 8 * 5
        assert run.first_step == 10
        assert run.part_of(12) is run


def test_a_run_of_one_part_is_what_it_was(tmp_path):
    with load_run(write(tmp_path, 1, range(5))) as run:
        assert type(run) is Run
        assert run.parts == (run,) and run.part_of(3) is run
        assert (run.n_steps, run.first_step) == (5, 0)


# -- a last part that is being written

def continue_for_ever(path):
    """What the process does that the test below watches and kills."""
    design = DESIGNS[1]
    log = create(path, design)
    log._file.attrs.update({'continues': 'run.h5', 'first_step': 3})
    for step in range(3, 1 << 30):
        log.arrivals(made_up_arrivals(step, 4, design.load))
        fill(log, design, [step])
        log.flush()
        print(step, flush=True)


def test_reading_while_the_last_part_is_written_and_after_a_kill(tmp_path):
    path, here = write(tmp_path, 1, range(6)), Path(__file__)
    search = os.pathsep.join([str(here.parent), str(here.parents[2])])
    writer = subprocess.Popen(
        [sys.executable, '-c', 'import sys, test_joined; '
         'test_joined.continue_for_ever(sys.argv[1])',
         str(tmp_path / 'run.2.h5')], stdout=subprocess.PIPE, text=True,
        env=os.environ | {'PYTHONPATH': search, 'OMP_NUM_THREADS': '1'})
    try:
        assert writer.stdout.readline() == '3\n'
        seen = []
        # The writer may have been far ahead, and wait since.
        while len(seen) < 8 or seen[-1] == seen[0]:
            seen.append(check_growing(path, writer.stdout.readline))
    finally:
        writer.kill()
        writer.communicate()
    seen.append(check_growing(path, lambda: None))
    assert seen == sorted(seen)


def check_growing(path, wait):
    """The steps that a log holds while its last part may grow."""
    with load_run(path) as run:
        wait()
        assert run.steps['step'].tolist() == list(range(run.n_steps))
        for step in (0, 2, 3, run.n_steps - 1):
            f, k = (10, 5) if step < 3 else (4, 4)
            np.testing.assert_array_equal(
                run.read('lies', slice(step, step + 1))[0, :f, :k],
                made_up_truth(step, f, k)[1])
            assert len(run.arrivals_of(step)) == 5
        return run.n_steps
