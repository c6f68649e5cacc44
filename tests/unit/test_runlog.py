"""Writing and reading a run log: kills, refusals, old files."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import h5py
import numpy as np
import pytest

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.assignment.designs.uncoded import Uncoded
from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog import datasets, schema
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.schemes.record import Event, Reordering
from tests.support.expected_rows import (
    expect_made_up, expect_what_was_written, order_of)
from tests.support.log_contract import COLUMNS
from tests.support.made_up_logs import (
    create, fill, made_up_arrivals, made_up_exposure)


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


@pytest.fixture
def timed(tmp_path):
    """A log that was flushed at second 100; says how many steps it has."""
    assignment = Uncoded(3)
    with create(tmp_path / 'run.h5', assignment, flush_seconds=5.0) as log:
        def written():
            with load_run(tmp_path / 'run.h5') as run:
                return run.n_steps

        log.flush(now=100.0)
        yield log, assignment, written


def test_flushes_when_seconds_have_passed_or_the_block_is_full(timed):
    log, assignment, written = timed
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


def test_no_row_waits_longer_though_no_other_comes(timed):
    log, assignment, written = timed
    assert not log.is_late(now=1000.0)
    fill(log, assignment, range(2))
    log.maybe_flush(now=1002.0)     # the first in a long while
    assert written() == 2
    fill(log, assignment, range(2, 3))
    log.maybe_flush(now=1003.0)
    fill(log, assignment, range(3, 4))
    log.maybe_flush(now=1004.0)
    assert not log.is_late(now=1007.9)
    assert log.is_late(now=1008.0)
    log.maybe_flush(now=1008.0)
    assert written() == 4 and not log.is_late(now=2000.0)


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
        # The writer may have been far ahead, and wait since.
        while len(seen) < 10 or seen[-1] == seen[0]:
            with load_run(path) as run:
                writer.stdout.readline()
                expect_what_was_written(run)
                seen.append(run.n_steps)
        assert seen == sorted(seen)
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


def test_reading_needs_neither_mpi_nor_torch():
    code = ('import sys, aspis_mpi.runlog.summary, aspis_mpi.runlog.reader; '
            "sys.exit(bool({'mpi4py', 'torch'} & set(sys.modules)))")
    search = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, '-c', code], check=True,
                   env=os.environ | {'PYTHONPATH': search})
