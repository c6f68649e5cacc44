"""A run whose log has several parts is read as one run."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest

from aspis_mpi.assembly.replay import Recorded
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.errors import JobError, RunLogError
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.joined import ABSENT, JoinedRun
from aspis_mpi.runlog.log_parts import free
from aspis_mpi.runlog.flagging import Flagging
from aspis_mpi.runlog.reader import Run, load_run
from aspis_mpi.runlog.summary import format_summary, print_summary
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.schemes.record import (
    Evaluation, Event, ExposureRecord, Reordering)
from tests.support.made_up_logs import (
    JOB, create, fill, made_up, made_up_arrivals, made_up_truth, mark)

#: 10, 4 and 20 files; a worker has 6, 3 and 10 of them.
DESIGNS = Subset(5, replication=3), Subset(4, replication=3), Subset(
    6, replication=3)


def write(folder, number, steps, first_step=None, *, design=None, **changed):
    """Part `number` of run.h5, with made-up rows and arrivals.

    Seconds of its evaluations and events are ten times the step.
    """
    design = design or DESIGNS[number - 1]
    name = 'run.h5' if number == 1 else f'run.{number}.h5'
    with create(folder / name, design, **changed) as log:
        for step in steps:
            log.arrivals(made_up_arrivals(step, design.n_workers,
                                          design.load))
            fill(log, design, [step])
            log.evaluation(Evaluation(step + 1, 10 * step, number, 0.5))
            log.event(Event(10 * step, 20, 0, f'{number}: {step}'))
            log.exposure(ExposureRecord(step, step, number, ProofKind.AUDIT,
                                        f'{number}: {step}'))
    if number > 1:
        mark(folder / name, min(steps, default=0)
             if first_step is None else first_step)
    return folder / name


@pytest.fixture
def three(tmp_path):
    """K = 5, 4, 6 in steps 0 to 14, 10 to 17, 13 to 20; each one's last
    rows are done again by the next."""
    path = write(tmp_path, 1, range(15))
    write(tmp_path, 2, range(10, 18))
    write(tmp_path, 3, range(13, 21))
    return path


#: Steps and the design of each part that count in the end.
COUNTING = tuple(zip((range(10), range(10, 13), range(13, 21)), DESIGNS))


def rows_of(name):
    """The made-up rows that count, each in the sizes of its part."""
    truths = [item.name for item in schema.TRUTH]
    for steps, design in COUNTING:
        sizes = design.n_files, design.n_workers
        for step in steps:
            yield np.asarray(
                made_up_truth(step, *sizes)[truths.index(name)]
                if name in truths else getattr(made_up(step, *sizes), name))


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
        np.testing.assert_array_equal(run.read(name, steps),
                                      run.read(name)[steps])


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


# -- what grows on its own

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


def test_numbers_are_in_order_and_may_be_left_out(tmp_path):
    path = write(tmp_path, 1, range(5))
    for number in (10, 9, 2):
        write(tmp_path, number, [number], design=DESIGNS[1])
    with load_run(path) as run:
        assert run.steps['step'].tolist() == [0, 1, 2, 9, 10]


@pytest.mark.parametrize('name', ['r[u]n.h5', 'a.b.h5', 'log', 'run (1).h5'])
def test_any_name_of_a_log(tmp_path, name):
    path = write(tmp_path, 1, range(5)).rename(tmp_path / name)
    later = free(path, 2)
    assert later == path.with_name(f'{path.stem}.2{path.suffix}')
    mark(write(tmp_path, 2, range(5, 7)), 5, name).rename(later)
    assert free(path, 2) == path.with_name(f'{path.stem}.3{path.suffix}')
    with load_run(path) as run:
        assert run.steps['step'].tolist() == list(range(7))


@pytest.mark.parametrize('number', ['02', '0', '1', '-2', '2 ', '\u0662', ''])
def test_another_number_is_no_part(tmp_path, number):
    path = write(tmp_path, 1, range(5))
    later = write(tmp_path, 2, range(5, 7))
    later.rename(tmp_path / f'run.{number}.h5')
    with load_run(path) as run:
        assert len(run.parts) == 1


def test_parts_are_found_from_the_folder_itself(three, monkeypatch):
    monkeypatch.chdir(three.parent)
    with load_run('run.h5') as run:
        assert len(run.parts) == 3


# -- files that are no parts, and parts that cannot be read

def test_a_file_that_does_not_continue_this_run_is_ignored(tmp_path):
    path = write(tmp_path, 1, range(5))
    write(tmp_path, 2, range(3, 6))
    mark(tmp_path / 'run.2.h5', 3, 'other.h5')
    with h5py.File(tmp_path / 'run.3.h5', 'w') as file:
        file['x'] = 1
    create(tmp_path / 'run.4.h5', DESIGNS[1]).close()
    for name in ('run.1.h5', 'run.02.h5', 'run.x.h5', 'run.2.h5.bak',
                 'run.accuracy.png'):
        (tmp_path / name).write_text('not a part')
    with load_run(path) as run:
        assert type(run) is Run
        assert run.steps['step'].tolist() == list(range(5))
        assert len(run.parts) == 1


def test_parts_of_a_log_that_was_begun_anew_are_ignored(tmp_path):
    path = write(tmp_path, 1, range(5))
    mark(write(tmp_path, 2, range(3, 6)), 3,
         created='2001-01-01T00:00:00+01:00')
    with load_run(path) as run:
        assert len(run.parts) == 1 and run.n_steps == 5


def refused(path, why):
    with pytest.raises(RunLogError, match=why) as caught:
        load_run(path)
    assert str(path.with_name('run.2.h5')) in str(caught.value)


def test_a_damaged_part_is_named(tmp_path):
    path = write(tmp_path, 1, range(5))
    later = write(tmp_path, 2, range(3, 9))
    later.write_bytes(later.read_bytes()[:-5000])
    refused(path, 'cannot be (opened|read)')


@pytest.mark.parametrize('content', [b'', b'text'])
def test_what_is_no_hdf5_is_no_part(tmp_path, content):
    """A log gets its name when it is whole, so it is none of ours."""
    path = write(tmp_path, 1, range(5))
    (tmp_path / 'run.2.h5').write_bytes(content)
    with load_run(path) as run:
        assert len(run.parts) == 1


def test_a_part_with_a_damaged_table_is_named(tmp_path):
    path = write(tmp_path, 1, range(5))
    with h5py.File(write(tmp_path, 2, range(3, 9)), 'a') as file:
        del file['truth/lies']
    refused(path, '/truth/lies of .* cannot be read')


@pytest.mark.parametrize('attrs, why', [
    ({'format': 'else'}, 'not a run log of aspis_mpi'),
    ({'version': 99}, 'has version 99 of the run log'),
    ({'first_step': -1}, 'first_step -1 is no step'),
    ({'first_step': 'three'}, 'first_step three is no step'),
    ({'created': 'now'}, 'does not say when it was created')])
def test_a_part_that_is_something_else_is_named(tmp_path, attrs, why):
    path = write(tmp_path, 1, range(5))
    mark(write(tmp_path, 2, range(3, 9)), 3, **attrs)
    refused(path, why)


def test_a_missing_log_is_missing_whatever_continues_it(tmp_path):
    path = write(tmp_path, 1, range(5))
    write(tmp_path, 2, range(3, 9))
    path.unlink()
    for missing in (path, tmp_path / 'no' / 'run.h5'):
        with pytest.raises(RunLogError, match='there is no file'):
            load_run(missing)


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
        seen = [check_growing(path, writer.stdout.readline)
                for _ in range(8)]
    finally:
        writer.kill()
        writer.communicate()
    seen.append(check_growing(path, lambda: None))
    assert seen == sorted(seen) and seen[0] < seen[-1]


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


# -- at a glance

def test_show_tells_of_the_parts(three, capsys):
    print_summary(three)
    shown = ' '.join(capsys.readouterr().out.split())
    assert ('parts 3: 5 workers; 4 from step 10 on (run.2.h5); 6 from step '
            '13 on (run.3.h5)') in shown
    assert '6 workers, 20 files on 3 each' in shown
    assert '21 of 40 done' in shown
    print_summary(three, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert [list(part.values()) for part in shown['parts']] == [
        [str(three), 5, 10, 0, 10],
        [str(three.with_name('run.2.h5')), 4, 4, 10, 3],
        [str(three.with_name('run.3.h5')), 6, 20, 13, 8]]
    assert shown['pace']['steps'] == 21
    assert shown['quality']['step'] == 21
    assert shown['continues'] is None


def test_show_of_a_part_and_of_a_run_of_one_part(three, tmp_path):
    with load_run(three.with_name('run.2.h5')) as run:
        summary = summarize(run)
    assert summary.continues == 'run.h5'
    assert 'part      of run.h5, from step 10 on' in format_summary(summary)
    (tmp_path / 'one').mkdir()
    with load_run(write(tmp_path / 'one', 1, range(5))) as run:
        summary = summarize(run)
    assert len(asdict(summary)['parts']) == 1
    assert not any(line.startswith('part')
                   for line in format_summary(summary).splitlines())


def test_many_parts_fit_a_terminal(tmp_path):
    path = write(tmp_path, 1, range(3))
    for number in range(2, 12):
        write(tmp_path, number, [number], design=DESIGNS[1])
    with load_run(path) as run:
        lines = format_summary(summarize(run)).splitlines()
    assert max(map(len, lines)) <= 79


def test_samples_are_those_of_each_parts_batches(tmp_path):
    path = write(tmp_path, 1, range(5))
    write(tmp_path, 2, range(5, 8), job=JOB.replace('910', '100'))
    with load_run(path) as run:
        pace = summarize(run).pace
        seconds = run.steps['seconds_step'].sum()
    assert pace.samples_per_second == pytest.approx(
        (5 * 910 + 3 * 100) / seconds)


def test_replay_refuses_several_designs(three):
    with pytest.raises(JobError, match='--replay: .*run.h5.* 3 parts'):
        Recorded(three)
