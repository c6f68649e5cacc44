"""Exported logs: whole folders, in which every number is that of the log."""

import csv
import fcntl
import gzip
import os
import resource
import signal
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import loadmat

from aspis_mpi.__main__ import main
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.detection.tensors import TensorDifference
from aspis_mpi.errors import BAD_JOB, ExportError, InUse, RunLogError
from aspis_mpi.export import exporting
from aspis_mpi.export.exporting import FORMATS, export
from aspis_mpi.runlog.columns import TEXT
from aspis_mpi.runlog.plain_tables import TABLES
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import Evaluation, Event, ExposureRecord
from tests.support.limits import HANGS
from tests.support.made_up_logs import (
    create, fill, made_up_arrivals, made_up_draws)
from tests.support.run_parts import three_parts
from tests.support.spot_logs import went_back

DESIGN = Subset(6, replication=3)
#: What a spreadsheet, a parser or a terminal might stumble over.
TEXTS = ('plain', 'two\nlines', 'a\rreturn', 'Bären, "12" °', '', ' ',
         '=1+1', 'NaN', '1.0', 'tab\there')
#: Floats whose text must have all of their digits, or that are no numbers.
FLOATS = (0.1 + 0.2, -0.0, 5e-324, np.inf, -np.inf, np.nan, 1e23, 2 / 3, 1e16,
          1.7976931348623157e308)


def write(path, steps=range(9)):
    """A log with rows in every table, of what is hard to write."""
    with create(path, DESIGN) as log:
        for step in steps:
            log.draws(made_up_draws(step))
            log.arrivals(made_up_arrivals(step, 6, 10))
            fill(log, DESIGN, [step])
        for i, (text, number) in enumerate(zip(TEXTS, FLOATS)):
            log.event(Event(i, 20, 0, text))
            log.evaluation(Evaluation(i, number, number, -number))
        log.exposure(ExposureRecord(2, 1, 3, ProofKind.AUDIT, 'said', tuple(
            TensorDifference(text, number, 1, 2)
            for text, number in zip(TEXTS, FLOATS) if number >= 0)))
    return path


@pytest.fixture(scope='module')
def logs(tmp_path_factory):
    """Paths of logs by their kind."""
    def folder():
        return tmp_path_factory.mktemp('logs')
    return {'made up': write(folder() / 'RUN.h5'),
            'three parts': three_parts(folder()),
            'went back': went_back(folder())}


@pytest.fixture
def log(logs):
    return logs['made up']


def refused(capsys, *words):
    """The line in which a command is refused."""
    assert main(['export', *map(str, words)]) == BAD_JOB
    said = capsys.readouterr()
    assert said.out == '' and said.err.count('\n') == 1
    assert said.err.startswith('aspis_mpi: ')
    return said.err


# -- the numbers

def of_csv(path):
    with open(path, encoding='utf-8', newline='') as file:
        names, *rows = csv.reader(file)
    return dict(zip(names, zip(*rows) if rows else [()] * len(names)))


def number_of(column, text):
    """A number as the text says it."""
    if column.words:
        return column.names.index(text)
    return float(text) if column.dtype.kind == 'f' else int(text)


def of_parquet(path):
    table = pytest.importorskip('pyarrow.parquet').read_table(path)
    return {name: table[name] for name in table.column_names}


def of_mat(path):
    found = loadmat(path, chars_as_strings=True)
    return {name: Cells(values) for name, values in found.items()
            if not name.startswith('__') and not name.endswith('_names')}


class Cells:
    """A variable of a MAT-file, a column."""

    def __init__(self, values):
        self._values = values.ravel()

    def as_column(self, column):
        """Numbers of its type; texts of cells, where '' is an empty array."""
        if column.dtype != TEXT:
            return self._values.astype(column.dtype)
        return np.array([str(it[0]) if it.size else ''
                         for it in self._values], TEXT)


def values_of(column, found):
    """A column that was read, as the log has it."""
    if isinstance(found, Cells):
        return found.as_column(column)
    if isinstance(found, tuple):
        return np.array([text if column.dtype == TEXT
                         else number_of(column, text) for text in found],
                        column.dtype)
    values = found.to_numpy()
    if column.words:
        values = np.array([column.names.index(word) for word in values])
    return values.astype(column.dtype)


def bits(values):
    if values.dtype == TEXT:
        return [*values]
    if values.dtype.kind == 'f':
        # There are many bits for what is no number.
        values = np.where(np.isnan(values), np.nan, values)
    return values.tobytes()


@pytest.mark.parametrize('kind', ['made up', 'three parts', 'went back'])
@pytest.mark.parametrize('form, read', [
    ('csv', of_csv), ('mat', of_mat), ('parquet', of_parquet)])
def test_every_number_comes_back_bit_for_bit(logs, tmp_path, kind, form,
                                             read):
    if form == 'parquet':
        pytest.importorskip('pyarrow')
    out = export([logs[kind]], tmp_path / 'out', form)
    seen = set()
    with load_run(logs[kind]) as run:
        for name, table in TABLES.items():
            found = read(out / f'{name}{FORMATS[form].SUFFIX}')
            assert [*found] == [it.name for it in table.columns]
            batches = [*table.batches(run)]
            for column, *parts in zip(table.columns, *batches):
                expected = np.concatenate(parts) if parts else np.empty(
                    0, column.dtype)
                assert bits(values_of(column, found[column.name])) == bits(
                    expected), (name, column.name)
                seen |= {name} if len(expected) else set()
    assert len(seen) > 10 and (kind != 'made up' or len(seen) == 15)


def test_the_columns_are_the_arrays_of_the_log(log, tmp_path):
    """Else what is exported would be compared with itself alone."""
    out = export([log], tmp_path / 'out')
    workers, steps = of_csv(out / 'workers.csv'), of_csv(out / 'steps.csv')
    with load_run(log) as run:
        account = np.array([*map(float, workers['account'])])
        assert account.tobytes() == run.account.tobytes()
        assert [*map(int, workers['late'])] == [*run.late.ravel()]
        assert [*map(float, steps['loss'])] == [*run.steps['loss']]
        assert [*of_csv(out / 'events.csv')['text']] == [*TEXTS]
        assert [*of_csv(out / 'tensors.csv')['name']] == [
            it.tensor for it in run.exposures[0].tensors]


def test_pandas_reads_what_frames_has(logs, tmp_path):
    pandas = pytest.importorskip('pandas')
    # Before version 3 the last digit may be another one.
    exact = ({} if pandas.__version__ >= '3'
             else {'float_precision': 'round_trip'})
    out = export([logs['went back']], tmp_path / 'out')
    with load_run(logs['went back']) as run:
        expected = run.frames('steps', 'workers', 'arrivals')
    for name, frame in expected.items():
        found = pandas.read_csv(out / f'{name}.csv', **exact)
        for column, values in frame.reset_index().items():
            if column == 'index':
                continue
            assert [*found[column].dropna()] == [
                *values.astype(found[column].dtype).dropna()], (name, column)


# -- the guide

def test_the_guide_has_every_file_and_column(log, tmp_path):
    out = export([log], tmp_path / 'out')
    told = (out / 'README.md').read_text(encoding='utf-8')
    columns = of_csv(out / 'columns.csv')
    rows = {*zip(columns['table'], columns['column'], columns['unit'])}
    with load_run(log) as run:
        for name, table in TABLES.items():
            assert f'## {name}.csv' in told
            assert {(name, it.name, it.unit) for it in table.columns} <= rows
            assert all(f'| {it.name} |' in told for it in table.columns)
        assert tomllib.loads((out / 'job.toml').read_text()) == run.config
        assert f'{run.n_steps} of {run.option("run", "steps")} steps' in told
    assert ('steps', 'seconds_wait', 's') in rows
    assert ('steps', 'bytes_in', 'bytes') in rows
    assert '- `clean`: Nobody disagreed, and no file was dropped.' in told
    assert '10 rows. An evaluation' in told


def test_there_is_nothing_else_in_the_folder(log, tmp_path):
    out = export([log], tmp_path / 'out')
    assert {path.name for path in out.iterdir()} == {
        'README.md', 'columns.csv', 'job.toml', *(
            f'{name}.csv' for name in TABLES)}
    assert [*tmp_path.iterdir()] == [out]


# -- several runs

def test_of_several_runs_each_has_a_folder(log, tmp_path):
    others = [write(tmp_path / name / 'RUN.h5', range(n))
              for name, n in (('a', 2), ('b', 3))]
    third = write(tmp_path / 'third.h5', range(4))
    out = export([*others, third], tmp_path / 'out')
    assert {path.name for path in out.iterdir()} == {
        'README.md', 'a-RUN', 'b-RUN', 'third'}
    for name, n in ('a-RUN', 2), ('b-RUN', 3), ('third', 4):
        assert len(of_csv(out / name / 'steps.csv')['step']) == n
        assert f'[{name}]({name}/README.md)' in (
            out / 'README.md').read_text()
    # It is known as an export, too.
    assert export([log], out, overwrite=True) == out
    assert (out / 'steps.csv').is_file() and not (out / 'third').exists()


def test_two_logs_of_one_name_are_refused(log, tmp_path, capsys):
    told = refused(capsys, log, log, '-o', tmp_path / 'out')
    assert 'name of its own' in told and not [*tmp_path.iterdir()]


# -- logs that are not as they should be

def test_a_log_that_is_being_written(tmp_path):
    with create(tmp_path / 'RUN.h5', DESIGN) as log:
        fill(log, DESIGN, range(5))
        log.flush()
        fill(log, DESIGN, range(5, 7))
        out = export([tmp_path / 'RUN.h5'], tmp_path / 'out')
        assert len(of_csv(out / 'steps.csv')['step']) == 5
        assert '5 of 40 steps' in (out / 'README.md').read_text()


def test_a_log_whose_writer_was_killed(log, tmp_path):
    """Its last bytes say where the file ends; nobody has written them."""
    with create(tmp_path / 'RUN.h5', DESIGN) as it:
        fill(it, DESIGN, range(5))
        it.flush()
        (tmp_path / 'copy.h5').write_bytes(
            (tmp_path / 'RUN.h5').read_bytes())
    out = export([tmp_path / 'copy.h5'], tmp_path / 'out')
    assert len(of_csv(out / 'steps.csv')['step']) == 5


@pytest.mark.parametrize('version', [1, 2, 3])
def test_a_log_of_an_earlier_version(tmp_path, version):
    """What it has not is as `load_run` gives it."""
    packed = Path(__file__).parent / f'version{version}' / 'run.h5.gz'
    (tmp_path / 'run.h5').write_bytes(gzip.decompress(packed.read_bytes()))
    out = export([tmp_path / 'run.h5'], tmp_path / 'out')
    turns = of_csv(out / 'steps.csv')['turn']
    exposures = of_csv(out / 'exposures.csv')['worker']
    finished = of_csv(out / 'arrivals.csv')['finished']
    with load_run(tmp_path / 'run.h5') as run:
        assert [*map(int, turns)] == [*run.steps['turn']] != []
        assert [*map(int, exposures)] == [it.worker for it in run.exposures]
        assert bool(exposures) == (version == 3)
        assert [[letter == 'x' for letter in word] for word in finished] == [
            [*map(bool, row)] for row in run.finished(run.arrivals)] != []


def cut_off(path, log):
    path.write_bytes(log.read_bytes()[:30_000])
    return 'cannot be'


def cut_late(path, log):
    """The beginning can be read, so that the folder has been begun."""
    path.write_bytes(log.read_bytes()[:-60_000])
    return 'cannot be'


def of_a_newer_version(path, log):
    path.write_bytes(log.read_bytes())
    with h5py.File(path, 'a') as file:
        file.attrs['version'] = 99
    return 'has version 99 of the run log'


def of_another_program(path, _):
    with h5py.File(path, 'w') as file:
        file['x'] = 1
    return 'not a run log of aspis_mpi'


def of_no_form(path, _):
    path.write_text('no HDF5')
    return 'cannot be opened as HDF5'


def with_a_number_that_has_no_name(path, log):
    path.write_bytes(log.read_bytes())
    with h5py.File(path, 'a') as file:
        rows = file['steps'][:]
        rows['verdict'][3] = 77
        file['steps'][:] = rows
    return 'is damaged: the column verdict of steps has the number 77'


def absent(_, __):
    return 'there is no file'


@pytest.mark.parametrize('spoil', [
    cut_off, cut_late, of_a_newer_version, of_another_program, of_no_form,
    with_a_number_that_has_no_name, absent])
def test_what_is_no_log_is_refused_in_one_line(log, tmp_path, capsys, spoil):
    path = tmp_path / 'RUN.h5'
    told = spoil(path, log)
    before = {*tmp_path.iterdir()}
    assert told in refused(capsys, path, '-o', tmp_path / 'out')
    assert {*tmp_path.iterdir()} == before


def test_a_bad_log_among_good_ones_leaves_nothing(log, tmp_path, capsys):
    bad = tmp_path / 'bad.h5'
    bad.write_text('no HDF5')
    refused(capsys, log, bad, '-o', tmp_path / 'out')
    assert [*tmp_path.iterdir()] == [bad]


def test_a_run_that_went_back_meanwhile_is_not_mixed_up(log):
    with load_run(log) as run:
        run.n_steps += 3
        with pytest.raises(RunLogError, match='went back to an earlier step'):
            [*TABLES['steps'].batches(run)]


# -- folders that cannot be made

def test_a_folder_that_exists_stays(log, tmp_path, capsys):
    out = export([log], tmp_path / 'out')
    (out / 'steps.csv').write_text('mine')
    assert '--overwrite replaces it' in refused(capsys, log, '-o', out)
    assert (out / 'steps.csv').read_text() == 'mine'
    assert main(['export', str(log), '-o', str(out), '--overwrite']) == 0
    assert (out / 'steps.csv').read_text() != 'mine'
    assert [*tmp_path.iterdir()] == [out]
    assert capsys.readouterr().out == f'tables: {out}\n'


@pytest.mark.parametrize('name', ['thesis.tex', 'steps.csv', 'steps.xlsx'])
def test_what_no_export_has_made_is_never_replaced(log, tmp_path, capsys,
                                                   name):
    """Also a folder that has a file of such a name, but no guide."""
    for place in (tmp_path / 'one', tmp_path / 'two' / 'inner'):
        place.mkdir(parents=True)
        (place / name).write_text('mine')
        out = tmp_path / place.relative_to(tmp_path).parts[0]
        assert 'is of no export' in refused(capsys, log, '-o', out,
                                            '--overwrite')
        assert (place / name).read_text() == 'mine'


def test_a_file_of_ones_own_within_an_export_is_not_lost(log, tmp_path,
                                                         capsys):
    out = export([log], tmp_path / 'out')
    (out / 'figure.png').write_text('mine')
    assert f'{out / "figure.png"} is of no export' in refused(
        capsys, log, '-o', out, '--overwrite')
    assert (out / 'figure.png').read_text() == 'mine'


def test_a_file_is_no_folder(log, tmp_path, capsys):
    (tmp_path / 'out').write_text('mine')
    for words in (), ('--overwrite',):
        assert 'is a file' in refused(capsys, log, '-o', tmp_path / 'out',
                                      *words)
    assert (tmp_path / 'out').read_text() == 'mine'


def test_a_link_stays_one(log, tmp_path):
    out = export([log], tmp_path / 'there')
    (tmp_path / 'link').symlink_to(out)
    export([log], tmp_path / 'link', overwrite=True)
    assert (tmp_path / 'link').is_symlink() and (out / 'steps.csv').is_file()


@pytest.mark.parametrize('place, why', [
    ('missing/out', 'No such file or directory'),
    ('file/out', 'Not a directory'), ('x' * 300, 'File name too long')])
def test_a_folder_that_cannot_be_made(log, tmp_path, capsys, place, why):
    (tmp_path / 'file').write_text('')
    told = refused(capsys, log, '-o', tmp_path / place)
    assert 'cannot be written' in told and why in told
    assert [path.name for path in tmp_path.iterdir()] == ['file']


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_a_folder_that_must_not_be_written(log, tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert 'Permission denied' in refused(capsys, log, '-o', tmp_path / 'out')


@pytest.mark.parametrize('form', FORMATS)
def test_a_disk_that_is_full_leaves_nothing(log, tmp_path, form):
    """Here no file may have more than some bytes."""
    if form == 'parquet':
        pytest.importorskip('pyarrow')

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    done = subprocess.run(
        [sys.executable, '-m', 'aspis_mpi', 'export', log, '-o',
         tmp_path / 'out', '--format', form], preexec_fn=limit,
        capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == BAD_JOB, done.stderr
    assert done.stderr == (f'aspis_mpi: {tmp_path / "out"} cannot be written: '
                           'File too large\n')
    assert not [*tmp_path.iterdir()]


SLOW = '''
import sys, time
from aspis_mpi.__main__ import main
from aspis_mpi.export import as_csv
write = as_csv.write
def slow(path, *rest):
    count = write(path, *rest)
    if path.name == 'workers.csv':
        print('begun', flush=True)
        time.sleep(1000)
    return count
as_csv.write = slow
sys.exit(main(['export', *sys.argv[1:]]))
'''


@pytest.fixture
def half_done(log, tmp_path):
    """An export that has written some of its tables.

    Where the tests run in the background Ctrl-C is ignored unless told so.
    """
    with subprocess.Popen(
            [sys.executable, '-c', SLOW, log, '-o', tmp_path / 'out'],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=partial(
                signal.signal, signal.SIGINT, signal.SIG_DFL)) as process:
        try:
            assert process.stdout.readline() == 'begun\n'
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing(half_done, tmp_path, number):
    """Nor does it say where it was."""
    half_done.send_signal(number)
    _, said = half_done.communicate(timeout=HANGS)
    assert (half_done.returncode, said) == (128 + number, '')
    assert not [*tmp_path.iterdir()]


def test_after_a_kill_the_next_export_clears_away(half_done, log, tmp_path):
    half_done.kill()
    half_done.wait(timeout=HANGS)
    assert not (tmp_path / 'out').exists()
    left, = tmp_path.iterdir()
    assert left.name == '.out.unfinished'
    export([log], tmp_path / 'out')
    assert [path.name for path in tmp_path.iterdir()] == ['out']


def test_one_export_at_a_time(half_done, log, tmp_path):
    with pytest.raises(InUse, match='is being written by another process'):
        export([log], tmp_path / 'out')
    assert (tmp_path / '.out.unfinished' / 'workers.csv').is_file()
    assert half_done.poll() is None


def test_without_locks_it_is_written_all_the_same(log, tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError('no locks here')
    monkeypatch.setattr(fcntl, 'flock', no_locks)
    assert export([log], tmp_path / 'out') == tmp_path / 'out'


def test_an_older_folder_stays_until_the_new_one_is_whole(
        log, tmp_path, monkeypatch):
    out = export([log], tmp_path / 'out')

    def fails(*_):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(exporting.guide, 'write', fails)
    with pytest.raises(ExportError, match='No space left on device'):
        export([log], out, overwrite=True)
    assert (out / 'README.md').is_file() and [*tmp_path.iterdir()] == [out]


# -- formats

def test_without_pyarrow_one_line_names_the_extra(log, tmp_path, capsys,
                                                  monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    told = refused(capsys, log, '-o', tmp_path / 'out', '--format', 'parquet')
    assert 'the extra `parquet`' in told and not [*tmp_path.iterdir()]


def test_csv_needs_neither_pandas_nor_pyarrow(log, tmp_path, monkeypatch):
    for library in 'pandas', 'pyarrow':
        monkeypatch.setitem(sys.modules, library, None)
    assert main(['export', str(log), '-o', str(tmp_path / 'out')]) == 0


def test_an_unknown_format_is_named(log, tmp_path):
    with pytest.raises(ExportError, match="'parket'; did you mean 'parquet'"):
        export([log], tmp_path / 'out', 'parket')


def test_parquet_has_types_units_and_meanings(log, tmp_path):
    parquet = pytest.importorskip('pyarrow.parquet')
    out = export([log], tmp_path / 'out', 'parquet')
    for name, table in TABLES.items():
        fields = parquet.read_schema(out / f'{name}.parquet')
        for column in table.columns:
            told = fields.field(column.name).metadata
            assert told[b'unit'].decode() == column.unit
            assert told[b'meaning'].decode() == column.meaning


def test_rows_come_in_pieces(log, tmp_path, monkeypatch):
    """A long log is never in memory as a whole."""
    whole = export([log], tmp_path / 'whole')
    monkeypatch.setattr('aspis_mpi.runlog.plain_tables.ROWS', 3)
    monkeypatch.setattr('aspis_mpi.runlog.plain_tables.WINDOW', 1)
    with load_run(log) as run:
        for name in 'steps', 'workers', 'contributors', 'arrivals':
            assert len([*TABLES[name].batches(run)]) > 2
    pieces = export([log], tmp_path / 'pieces')
    for name in TABLES:
        assert (pieces / f'{name}.csv').read_bytes() == (
            whole / f'{name}.csv').read_bytes()


def test_mat_files_have_the_names_of_numbers(log, tmp_path):
    """The name of n is entry n + 1 there, which counts from 1."""
    out = export([log], tmp_path / 'out', 'mat')
    named = 0
    for name, table in TABLES.items():
        found = loadmat(out / f'{name}.mat')
        for column in table.columns:
            if column.words:
                names = [it[0] for it in found[f'{column.name}_names'].ravel()]
                assert names == [*column.names]
                assert found[column.name].shape[1:] in ((1,), (0,))
                named += 1
    assert named > 5
