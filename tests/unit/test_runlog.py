"""The run log: its contract, round trips, kills, wrong files, summaries."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, astuple, replace
from pathlib import Path
from random import Random

import h5py
import numpy as np
import pytest

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog import datasets, schema
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.summary import format_summary, print_summary
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import (
    CODED, Arrival, ArrivalKind, Evaluation, Event, ExposureRecord, Outcome,
    Reordering)
from tests.support.made_up_logs import (
    JOB, create, fill, made_up, made_up_arrivals, made_up_exposure,
    made_up_truth)

#: The groups and columns that users' scripts rely on.
CONTRACT = {
    'assignment': {'incidence', 'order', 'changes', 'orders'},
    'detection': {'flagged', 'exposed', 'excluded', 'disagreements',
                  'margin'},
    'resolution': {'source', 'contributors', 'copies'},
    'progress': {'files_done', 'first_report', 'last_report', 'late',
                 'account'},
    'truth': {'adversaries', 'lies', 'payload_lies', 'dawdles'}}
COLUMNS = {
    'steps': (
        'step', 'loss', 'lr', 'gradient_norm', 'residual', 'hidden_bias',
        'verdict', 'epochs', 'audits', 'n_flagged', 'n_excluded',
        'files_certified', 'files_presumed', 'files_dropped',
        'files_missing', 'bytes_in', 'bytes_out', 'messages',
        'seconds_wait', 'seconds_transfer', 'seconds_detect',
        'seconds_aggregate', 'seconds_update', 'seconds_step'),
    'evaluation': ('step', 'seconds', 'loss', 'accuracy'),
    'events': ('time', 'level', 'rank', 'code'),
    'exposures': ('step', 'since', 'worker', 'proof'),
    'tensors': ('step', 'worker', 'proof', 'distance', 'entries', 'size'),
    'starts': ('step', 'began', 'events', 'exposures', 'source'),
    'arrivals': ('step', 'worker', 'kind', 'files_done', 'seconds', 'bytes')}
#: Row by row with a table, and its last column for whoever reads.
BESIDE = {'events': ('events_text', 'text'),
          'exposures': ('exposures_text', 'text'),
          'tensors': ('tensors_name', 'name'),
          'starts': ('starts_places', 'places'),
          'arrivals': ('arrivals_finished', 'finished'),
          'assignment/changes': ('assignment/orders', 'order')}
#: What numbers of a column are called.
NAMES = {
    ('steps', 'verdict'): ('contradiction', 'skipped', 'incomplete', 'voted',
                           'resolved', 'clean'),
    ('arrivals', 'kind'): ('model', 'progress', 'replica', 'payload',
                           'silent', 'deadline', 'malformed', 'sketch',
                           'lost', 'late'),
    **{(name, 'proof'): ('disagreements', 'audit', 'sketches', 'malformed')
       for name in ('exposures', 'tensors')},
    ('starts', 'source'): ('unknown', 'ranks', 'simulated', 'slurm', 'pmix',
                           'open-mpi', 'hydra'),
    ('events', 'code'): tuple(code.word for code in EventCode)}
ATTRIBUTES = {'format', 'version', 'config', 'seed', 'parameters', 'package',
              'mpi', 'hosts', 'hosts_from', 'created', 'clock', 'identity',
              'last_checkpoint'}
PACKED = {'disagreements': ('K', 'K'), 'contributors': ('f', 'K'),
          'lies': ('f', 'K'), 'arrivals_finished': ('l',)}


def write_for_ever(path, compress):
    """What the process does that the tests below kill or watch."""
    datasets.COMPRESS = int(compress)
    assignment = Subset(8, replication=3)
    log = create(path, assignment)
    print(0, flush=True)
    for step in range(1 << 30):
        log.arrivals(made_up_arrivals(step, assignment.n_workers,
                                      assignment.load))
        log.exposure(made_up_exposure(step))
        fill(log, assignment, [step])
        log.event(Event(step, 30, 0, f'step {step}'))
        log.reordering(Reordering(step, order_of(step, assignment)))
        log.flush()
        print(step + 1, flush=True)


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


def start_writer(path, compress):
    """A process that flushes after every row, and has begun to."""
    here = Path(__file__)
    search = os.pathsep.join([str(here.parent), str(here.parents[2])])
    writer = subprocess.Popen(
        [sys.executable, '-c', 'import sys, test_runlog; '
         'test_runlog.write_for_ever(*sys.argv[1:])',
         str(path), str(compress)],
        stdout=subprocess.PIPE, text=True,
        env=os.environ | {'PYTHONPATH': search, 'OMP_NUM_THREADS': '1'})
    if writer.stdout.readline() != '0\n':
        writer.kill()
        pytest.fail('the writer did not begin')
    return writer


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
                             'seconds', 'nbytes'), rows.dtype.names):
        expected = [getattr(arrival, name) for arrival in arrivals]
        np.testing.assert_array_equal(rows[column], expected)
    assert [row.tobytes() for row in rows['finished']] == [
        arrival.finished for arrival in arrivals]


def expect_made_up_arrivals(run):
    """Every step that the log names has all of its made-up arrivals."""
    for step in range(run.n_steps):
        expect_arrivals(run.arrivals_of(step), made_up_arrivals(
            step, run.n_workers, run.order.shape[1]))


def test_layout_is_the_contract(tmp_path):
    create(tmp_path / 'run.h5', Subset(5, replication=3)).close()
    with h5py.File(tmp_path / 'run.h5') as file:
        assert set(file.attrs) == ATTRIBUTES
        assert set(file) == set(CONTRACT) | set(COLUMNS) | {
            'events_text', 'exposures_text', 'tensors_name',
            'starts_places', 'arrivals_finished'}
        for group, names in CONTRACT.items():
            assert set(file[group]) == names
        for name, columns in COLUMNS.items():
            assert file[name].dtype.names == columns
        assert file.attrs['format'] == 'aspis-mpi-run'
        assert file.attrs['version'] == 3
        assert list(file.attrs['hosts']) == ['n1', 'n2']
        for (name, column), names in NAMES.items():
            assert tuple(file[name].attrs[column].split()) == names


def test_columns_are_plain_numbers_and_no_attribute_is_empty(tmp_path):
    """Tools leave out an enumeration, or crash on a text in a table."""
    create(tmp_path / 'run.h5', Subset(5, replication=3), hosts=[]).close()
    with h5py.File(tmp_path / 'run.h5') as file:
        assert set(file.attrs) == ATTRIBUTES - {'hosts'}
        found = []
        file.visititems(lambda _, item: found.append(item))
        for item in [file, *found]:
            assert all(np.size(value) for value in item.attrs.values())
        types = [item.dtype for item in found
                 if isinstance(item, h5py.Dataset)]
    for plain in [column for dtype in types if dtype.names
                  for column, _ in dtype.fields.values()] + [
                      dtype for dtype in types if not dtype.names]:
        assert plain.kind in 'iufS' and plain.subdtype is None
        assert h5py.check_enum_dtype(plain) is None
    assert [dtype.itemsize for dtype in types if dtype.kind == 'S'] == [
        4096, 4096, 256, 256]
    with load_run(tmp_path / 'run.h5') as run:
        assert run.attrs['hosts'] == []


def test_types_are_the_contract(tmp_path):
    create(tmp_path / 'run.h5', Subset(5, replication=3)).close()
    sizes = {'f': 10, 'K': 5, 'l': 6}
    with h5py.File(tmp_path / 'run.h5') as file:
        for name in ('flagged', 'exposed', 'excluded', 'disagreements'):
            assert file['detection'][name].dtype == np.uint8
        assert file['detection/margin'].dtype == np.float64
        assert file['resolution/source'].dtype == np.int16
        assert file['resolution/copies'].dtype == np.uint16
        assert file['progress/files_done'].dtype == np.uint16
        assert file['progress/first_report'].dtype == np.float64
        assert file['assignment/incidence'].dtype == np.uint8
        assert file['assignment/changes'].dtype == np.dtype([('step', 'i8')])
        assert file['assignment/orders'].dtype == np.int32
        assert file['assignment/orders'].shape == (0, 5, 6)
        assert file['arrivals'].dtype == np.dtype(
            [('step', 'i8'), ('worker', 'i2'), ('kind', 'u1'),
             ('files_done', 'u2'), ('seconds', 'f8'), ('bytes', 'u8')])
        assert file['arrivals_finished'].dtype == np.uint8
        assert file['arrivals_finished'].shape == (0, 1)
        text = h5py.check_string_dtype(file['events_text'].dtype)
        assert (text.encoding, text.length) == ('utf-8', 4096)
        packed = {item.path: item.name for item in schema.ROWS.values()
                  if item.packed} | {
                      '/arrivals_finished': 'arrivals_finished'}
        assert set(packed.values()) == set(PACKED)
        for path, name in packed.items():
            assert tuple(file[path].attrs['shape']) == tuple(
                sizes[side] for side in PACKED[name])


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


def test_logs_from_before_arrivals_have_none(tmp_path):
    assignment = Subset(5, replication=3)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, range(3))
    with h5py.File(tmp_path / 'run.h5', 'a') as file:
        file.attrs['version'] = 1
        del file['arrivals'], file['assignment/changes']
    with load_run(tmp_path / 'run.h5') as run:
        expect_made_up(run)
        assert run.arrivals.dtype.names == (*COLUMNS['arrivals'], 'finished')
        assert len(run.arrivals) == len(run.arrivals_of(1)) == 0
        np.testing.assert_array_equal(run.order_at(2), assignment.order)
    with pytest.raises(RunLogError, match='was closed'):
        run.arrivals


def test_flushes_when_seconds_have_passed_or_the_block_is_full(tmp_path):
    assignment = Uncoded(3)
    with create(tmp_path / 'run.h5', assignment, flush_seconds=5.0) as log:
        def written():
            with load_run(tmp_path / 'run.h5') as run:
                return run.n_steps

        log.flush(now=100.0)
        fill(log, assignment, range(2))
        log.maybe_flush(now=104.0)
        assert written() == 0
        log.maybe_flush(now=105.0)
        assert written() == 2
        fill(log, assignment, range(2, 66))
        log.maybe_flush(now=105.5)
        assert written() == 66
        fill(log, assignment, range(66, 66 + 65))
        assert written() == 66 + 64


@pytest.mark.parametrize('compress', [1 << 12, 1 << 6])
def test_rows_survive_kills(tmp_path, compress):
    random = Random(compress)
    for attempt in range(3):
        path = tmp_path / f'{attempt}.h5'
        writer = start_writer(path, compress)
        try:
            writer.communicate(timeout=random.uniform(0.01, 0.4))
        except subprocess.TimeoutExpired:
            writer.kill()
        said = writer.communicate()[0].split()
        with load_run(path) as run:
            assert run.n_steps >= int(said[-1] if said else 0)
            expect_what_was_written(run)
            summarize(run)


@pytest.mark.parametrize('compress', [1 << 12, 1 << 6])
def test_reading_while_it_is_written(tmp_path, compress):
    path = tmp_path / 'run.h5'
    writer = start_writer(path, compress)
    try:
        seen = []
        for _ in range(10):
            with load_run(path) as run:
                writer.stdout.readline()
                expect_what_was_written(run)
                seen.append(run.n_steps)
        assert seen == sorted(seen)
        assert seen[-1] > seen[0]
    finally:
        writer.kill()
        writer.communicate()


def test_rows_that_not_every_array_holds_are_left_out(tmp_path):
    assignment = Uncoded(3)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, range(10))
    with h5py.File(tmp_path / 'run.h5', 'a') as file:
        file['progress/last_report'].resize(8, axis=0)
        file['steps'].resize(6, axis=0)
        file['steps'].resize(9, axis=0)
    with load_run(tmp_path / 'run.h5') as run:
        assert run.n_steps == 6
        expect_made_up(run)


def test_an_existing_file_stays_unless_overwritten(tmp_path):
    path = tmp_path / 'run.h5'
    path.write_text('precious')
    with pytest.raises(FileExistsError, match='--overwrite'):
        create(path, Uncoded(3))
    assert path.read_text() == 'precious'
    create(path, Uncoded(3), overwrite=True).close()
    with load_run(path) as run:
        assert run.n_steps == 0


def test_bad_arguments_of_the_writer(tmp_path):
    path = tmp_path / 'run.h5'
    with pytest.raises(ValueError, match='sundial'):
        create(path, Uncoded(3), clock='sundial')
    with pytest.raises(ValueError, match='flush_seconds -1 must be'):
        create(path, Uncoded(3), flush_seconds=-1)
    many = Assignment(np.ones((70_000, 1), dtype=bool))
    with pytest.raises(ValueError, match='at most 65535 files.* has 70000'):
        create(path, many)
    with pytest.raises(ValueError, match='at most 4000 workers.* has 4001'):
        create(path, Uncoded(4001))
    assert not path.exists()


def test_closing_twice_is_harmless(tmp_path):
    with create(tmp_path / 'run.h5', Uncoded(3)) as log:
        log.close()
    run = load_run(tmp_path / 'run.h5')
    run.close()
    with pytest.raises(RunLogError, match='was closed'):
        run.flagged


def test_what_is_no_run_log_is_refused(tmp_path):
    path = tmp_path / 'run.h5'
    with pytest.raises(RunLogError, match='no file .*run.h5'):
        load_run(path)
    path.write_text('text')
    with pytest.raises(RunLogError, match='cannot be opened as HDF5'):
        load_run(path)
    with h5py.File(path, 'w') as file:
        file['x'] = 1
    with pytest.raises(RunLogError, match='not a run log of aspis_mpi'):
        load_run(path)


@pytest.mark.parametrize('version', [schema.VERSION + 1, 0, -1, 'x', 1.5])
def test_another_version_is_refused(tmp_path, version):
    create(tmp_path / 'run.h5', Uncoded(3)).close()
    with h5py.File(tmp_path / 'run.h5', 'a') as file:
        file.attrs['version'] = version
    with pytest.raises(RunLogError, match=f'version {version} .* reads '
                       f'versions 1 to {schema.VERSION}'):
        load_run(tmp_path / 'run.h5')


def test_an_unknown_array_is_an_attribute_error(tmp_path):
    create(tmp_path / 'run.h5', Uncoded(3)).close()
    with load_run(tmp_path / 'run.h5') as run:
        assert {'flagged', 'lies', 'steps'} <= set(dir(run))
        with pytest.raises(AttributeError, match='flaged'):
            run.flaged


def hand_made(path):
    """Two steps of four workers and two files: who lied, who was used.

    Step 0: worker 0 lies on file 0, which is used from 1, and on file 1,
    which is used from 0 and 3: one wrong file.  Step 1: worker 2 lies in
    its payload, which file 0 uses, worker 3 was to lie on a file that is
    not used at all: one wrong file.  Worker 3 has no work in step 1.
    """
    assignment = Assignment([[1, 1, 1, 0], [1, 0, 0, 1]])
    nobody = np.zeros(4, dtype=bool)
    blank = replace(made_up(0, 2, 4), excluded=nobody, flagged=nobody)
    first = replace(blank, step=0, flagged=nobody | [True, True, False,
                                                      False],
                    contributors=np.array([[0, 1, 0, 0], [1, 0, 0, 1]],
                                          dtype=bool))
    second = replace(blank, step=1,
                     excluded=nobody | [False, False, False, True],
                     contributors=np.array([[0, 1, 1, 0], [0, 0, 0, 0]],
                                           dtype=bool))
    with create(path, assignment) as log:
        log.append(first, np.array([1, 0, 0, 0]),
                   np.array([[1, 0, 0, 0], [1, 0, 0, 0]]), nobody, nobody)
        log.append(second, np.array([0, 0, 1, 1]),
                   np.array([[0, 0, 0, 0], [0, 0, 0, 1]]),
                   np.array([0, 0, 1, 0]), nobody)


def test_wrong_files_of_a_hand_made_case(tmp_path):
    hand_made(tmp_path / 'run.h5')
    with load_run(tmp_path / 'run.h5') as run:
        assert run.wrong_files.tolist() == [1, 1]


def test_wrong_files_do_not_depend_on_the_window(tmp_path, monkeypatch):
    assignment = Subset(6, replication=3)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, range(50))
    with load_run(tmp_path / 'run.h5') as run:
        expected = [
            sum(any(c[j] and (lie[j] or payload[j]) for j in range(6))
                for c, lie in zip(contributors, lies))
            for contributors, lies, payload in zip(
                run.contributors, run.lies, run.payload_lies)]
        assert run.wrong_files.tolist() == expected
        monkeypatch.setattr('aspis_mpi.runlog.reader.WINDOW', 1000)
        assert run.wrong_files.tolist() == expected


def test_who_lied_on_a_file_or_a_payload(tmp_path, monkeypatch):
    hand_made(tmp_path / 'run.h5')
    for window in 1 << 24, 8:
        monkeypatch.setattr('aspis_mpi.runlog.view.WINDOW', window)
        with load_run(tmp_path / 'run.h5') as run:
            assert run.lied.tolist() == [[True, False, False, False],
                                         [False, False, True, True]]


def test_an_adversary_that_tells_no_lie_is_not_missed(tmp_path):
    assignment = Assignment([[1, 1, 1], [1, 1, 1]])
    nobody = np.zeros(3, dtype=bool)
    blank = replace(made_up(0, 2, 3), step=0, excluded=nobody,
                    flagged=nobody)
    with create(tmp_path / 'run.h5', assignment) as log:
        log.append(blank, np.array([1, 1, 0]),
                   np.array([[1, 0, 0], [0, 0, 0]]), nobody, nobody)
    with load_run(tmp_path / 'run.h5') as run:
        assert run.lied.tolist() == [[True, False, False]]
        assert run.flagging.missed == 1


def test_flags_against_the_truth(tmp_path):
    hand_made(tmp_path / 'run.h5')
    with load_run(tmp_path / 'run.h5') as run:
        flagging = run.flagging
        assert flagging == type(flagging)(right=1, wrong=1, missed=1)
        assert flagging.precision == flagging.recall == 0.5


def test_shares_of_nothing_are_unknown(tmp_path):
    create(tmp_path / 'run.h5', Uncoded(3)).close()
    with load_run(tmp_path / 'run.h5') as run:
        assert np.isnan(run.flagging.precision)
        assert np.isnan(run.flagging.recall)


@pytest.mark.parametrize('steps', [0, 40])
def test_summary_is_json_and_fits_a_terminal(tmp_path, steps):
    assignment = Subset(5, replication=3)
    with create(tmp_path / 'run.h5', assignment, clock='virtual') as log:
        fill(log, assignment, range(steps))
        for step in range(20, steps + 1, 20):
            log.evaluation(Evaluation(step, step, 0.3, 1 - step / 100))
        for i in range(9):
            log.event(Event(i, 20 + 10 * (i % 2), 0, f'{i}\x1b[31m ' * 99))
    with load_run(tmp_path / 'run.h5') as run:
        summary = summarize(run)
    again = json.loads(json.dumps(asdict(summary), allow_nan=False))
    assert again['job']['scheme'] == 'aspis'
    assert again['job']['attack'] == '3 adversaries (all, reversed)'
    lines = format_summary(summary).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 79
    assert all(line.isprintable() for line in lines)


def test_summary_is_printed_as_lines_or_as_json(tmp_path, capsys):
    create(tmp_path / 'run.h5', Uncoded(3)).close()
    print_summary(tmp_path / 'run.h5')
    assert '0 of 40 done' in capsys.readouterr().out
    print_summary(tmp_path / 'run.h5', as_json=True)
    assert json.loads(capsys.readouterr().out)['pace']['steps'] == 0


def test_summary_of_one_worker_and_one_step(tmp_path):
    with create(tmp_path / 'run.h5', Uncoded(1)) as log:
        fill(log, Uncoded(1), range(1))
        log.evaluation(Evaluation(1, 1.0, 0.25, 0.75))
    with load_run(tmp_path / 'run.h5') as run:
        lines = ' '.join(format_summary(summarize(run)).split())
    assert '; 1 worker, 1 file on 1 each; ' in lines
    assert '0.7500 after 1 step, loss' in lines


def test_summary_counts(tmp_path):
    assignment = Subset(5, replication=3)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, range(40))
        log.evaluation(Evaluation(20, 1.0, 0.25, 0.75))
        log.evaluation(Evaluation(40, 2.0, 0.5, 0.5))
        for level, code in zip((20, 30, 40), EventCode):
            log.event(Event(1.0, level, 0, 'said', code))
        for step, worker in (3, 4), (5, 2), (9, 4):
            log.exposure(ExposureRecord(step, step - 1, worker,
                                        ProofKind.AUDIT, f'{step}'))
    with load_run(tmp_path / 'run.h5') as run:
        summary = summarize(run)
        seconds = run.steps['seconds_step'].sum()
        assert summary.truth.wrong_files == run.wrong_files.sum()
    assert (summary.pace.steps, summary.job.steps) == (40, 40)
    assert summary.pace.steps_per_second == pytest.approx(40 / seconds)
    assert summary.pace.samples_per_second == pytest.approx(
        910 * 40 / seconds)
    assert sum(summary.verdicts.values()) == 40
    assert summary.verdicts['clean'] == 6
    assert summary.quality.accuracy == 0.5
    assert summary.quality.best_accuracy == 0.75
    assert summary.quality.best_step == 20
    assert summary.n_warnings == 2
    assert [it.code for it in summary.last_warnings] == ['probe', 'tolerance']
    # Of worker 4 the first one.
    assert [astuple(it) for it in summary.exposures] == [
        (3, 2, 4, 'audit', '3', ()), (5, 4, 2, 'audit', '5', ())]


CODED_JOB = """
[collection]
name = "coverage"
copies = 1
[transfer]
name = "coded"
code = "least-squares"
"""


def coded(step, residual, epochs, verdict):
    """A coded step of two files and three workers that waits 0.3 of 0.4 s."""
    blank = made_up(step, 2, 3)
    return replace(
        blank, residual=residual, epochs=epochs, verdict=verdict,
        seconds_wait=0.3, seconds_step=0.4,
        source=np.full(2, CODED, dtype=np.int16))


def summary_of_coded_run(path):
    assignment = Assignment([[1, 1, 0], [0, 1, 1]])
    nobody, nothing = np.zeros(3, dtype=bool), np.zeros((2, 3), dtype=bool)
    with create(path, assignment, job=JOB + CODED_JOB) as log:
        for record in (coded(0, 0.0, 1, Outcome.CLEAN),
                       coded(1, 1.0, 1, Outcome.INCOMPLETE),
                       coded(2, 2.0, 3, Outcome.INCOMPLETE),
                       coded(3, 0.0, 2, Outcome.CLEAN)):
            log.append(record, nobody, nothing, nobody, nobody)
    with load_run(path) as run:
        assert (run.source == CODED).all()
        return summarize(run)


def test_summary_of_a_coded_run(tmp_path):
    summary = summary_of_coded_run(tmp_path / 'run.h5')
    transfer = summary.transfer
    assert (transfer.name, transfer.code) == ('coded', 'least-squares')
    assert (transfer.collection, transfer.copies) == ('coverage', 1)
    assert (transfer.approximate_steps, transfer.residual) == (2, 1.5)
    assert transfer.incomplete_steps == 2
    assert transfer.steps_of_several_epochs == 2
    assert transfer.waiting == pytest.approx(0.75)
    assert summary.pace.seconds['step'] == pytest.approx(0.4)
    assert ' '.join(format_summary(summary).split()).count(
        'transfer coded (least-squares) after coverage: 2 of 4 steps exact, '
        'mean residual 1.5 in the others, 2 incomplete, 2 of several epochs, '
        '75 % of the time was waiting') == 1


def test_replicas_have_the_same_keys_but_no_line(tmp_path):
    coded = summary_of_coded_run(tmp_path / 'coded.h5')
    assignment = Subset(5, replication=3)
    with create(tmp_path / 'run.h5', assignment) as log:
        fill(log, assignment, range(3))
    with load_run(tmp_path / 'run.h5') as run:
        plain = summarize(run)
    assert asdict(coded)['transfer'].keys() == asdict(
        plain)['transfer'].keys()
    assert plain.transfer.code is None
    assert 'steps exact' not in format_summary(plain)


def test_reading_needs_neither_mpi_nor_torch():
    code = ('import sys, aspis_mpi.runlog.summary, aspis_mpi.runlog.reader; '
            "sys.exit(bool({'mpi4py', 'torch'} & set(sys.modules)))")
    search = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, '-c', code], check=True,
                   env=os.environ | {'PYTHONPATH': search})


def test_the_summary_names_whom_the_run_has_waited_for(tmp_path):
    """By what they cost; nobody where nobody cost more than a thousandth."""
    nobody = np.zeros(5, dtype=bool)
    record = replace(made_up(0, 10, 5), seconds_step=10.0, late=nobody)
    truth = made_up_truth(0, 10, 5)
    for account, late, told in (
            ([0, 0, 0, 0, 0.001], [], ''),
            ([0, 3.0, 0, 7.5, 0.001], [3],
             'for worker 3 7.5 s (late in 1 step), worker 1 3 s')):
        path = tmp_path / f'{len(told)}.h5'
        with create(path, Subset(5, replication=3)) as log:
            log.append(replace(record, account=np.array(account),
                               late=np.isin(np.arange(5), late)), *truth)
        with load_run(path) as run:
            lines = format_summary(summarize(run)).splitlines()
        found = [line[10:] for line in lines if line.startswith('waited')]
        assert found == [told] * bool(told)
