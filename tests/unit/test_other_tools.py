"""Other programs open a run log and find equal numbers in it."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.detection.tensors import TensorDifference
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import (
    Cause, Evaluation, Event, ExposureRecord, Reordering, Rollback)
from tests.support.log_contract import BESIDE, COLUMNS, CONTRACT
from tests.support.made_up_logs import (
    create, fill, made_up_arrivals, made_up_draws)
from tests.support.spot_logs import went_back

GUIDE = Path(__file__).parents[2] / 'docs' / 'logs.md'
#: Every table and array of a log.
PATHS = {*COLUMNS, *(path for path, _ in BESIDE.values()), *(
    f'{group}/{name}' for group, names in CONTRACT.items() for name in names)}
#: Of one and of several bytes a character, short, and cut to what fits.
TEXTS = ('said', 'Bären – 12 °', 'x' * 4096, 'ü' * 3000)


def tensors(i):
    """Tensors of exposure i, as many as that."""
    return tuple(TensorDifference(f'couche n° {it}', np.inf if it else 0.5,
                                  it + 1, 4810) for it in range(i))


@pytest.fixture(scope='module')
def made_up(tmp_path_factory):
    """A log in which every data set has rows."""
    assignment = Subset(6, replication=3)
    path = tmp_path_factory.mktemp('tools') / 'RUN.h5'
    with create(path, assignment) as log:
        for step in range(9):
            log.draws(made_up_draws(step))
            log.arrivals(made_up_arrivals(step, 6, 10))
            fill(log, assignment, [step])
            log.evaluation(Evaluation(step + 1, 1.5 * step, 0.25, np.nan))
        for i, (text, kind) in enumerate(zip(TEXTS, ProofKind)):
            log.event(Event(i, 20, 0, text, EventCode(2 * i)))
            log.exposure(ExposureRecord(i, i // 2, i + 1, kind, text,
                                        tensors(i)))
        log.reordering(Reordering(4, assignment.order[:, ::-1]))
        log.reordering(Reordering(6, assignment.order))
        # Of what is undone nothing has a row.
        fill(log, assignment, range(9, 12))
        log.go_back(Rollback(37, 20.5, 12, 9))
    return path


@pytest.fixture(scope='module')
def real(tmp_path_factory):
    """The log of a run that exposed a worker and went back."""
    return went_back(tmp_path_factory.mktemp('real'))


@pytest.fixture(scope='module', params=['made_up', 'real'])
def log(request):
    """Every data set has rows in one of the two; in the other one a table
    is empty."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope='module')
def expected(log):
    """Every data set of the log by its path, as h5py reads it."""
    return contents(log)


def contents(log):
    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[...]
    with h5py.File(log) as file:
        file.visititems(keep)
    assert set(found) == PATHS
    return found


def test_every_table_and_array_has_rows_in_one_of_the_logs(made_up, real):
    assert all(len(data) for data in contents(made_up).values())
    assert {name for name, data in contents(real).items()
            if not len(data)} == {'tensors', 'tensors_name'}
    with load_run(real) as run:
        assert [it.cause for it in run.rollbacks] == [Cause.EXPOSURE]
        assert [it.worker for it in run.exposures] == [2]


def test_no_column_and_no_array_is_of_a_type_that_some_tool_leaves_out(
        expected):
    """No enumeration, which is also a bool of h5py's, and no array within a
    table; texts have a fixed length."""
    for name, data in expected.items():
        for column in data.dtype.names or ('',):
            dtype = data.dtype[column] if column else data.dtype
            assert dtype.kind in 'iuf' or (
                dtype.kind == 'S' and not column), (name, column)
            assert h5py.check_enum_dtype(dtype) is None
            assert dtype.shape == () and dtype.isnative


def assert_equal(found, expected):
    """Equal numbers, column by column in a table; equal texts."""
    if expected.dtype.names:
        assert tuple(found.dtype.names) == expected.dtype.names
        for name in expected.dtype.names:
            assert_equal(found[name], expected[name])
    elif expected.dtype.kind == 'S':
        assert found.shape == expected.shape
        assert [text if isinstance(text, bytes) else text.encode()
                for text in found.flat] == [*expected.flat]
    else:
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_long_texts_are_cut_between_characters(made_up):
    log, expected = made_up, contents(made_up)
    texts = [raw.decode() for raw in expected['events_text']]
    assert texts[:3] == list(TEXTS[:3])
    assert re.fullmatch(r'ü{512} \[\.\.\.\] ü{1532}', texts[3])
    np.testing.assert_array_equal(expected['exposures_text'],
                                  expected['events_text'])
    with load_run(log) as run:
        assert [event.text for event in run.events] == texts
        assert run.exposures == [
            ExposureRecord(i, i // 2, i + 1, ProofKind(i), text, tensors(i))
            for i, text in enumerate(texts)]


def test_pandas(log, expected):
    pandas = pytest.importorskip('pandas')
    for name, data in expected.items():
        if data.ndim > 2:
            continue
        frame = pandas.DataFrame(data)
        columns = data.dtype.names or (
            [0] if data.ndim == 1 else range(data.shape[1]))
        assert list(frame.columns) == list(columns)
        for column in columns:
            assert_equal(frame[column].to_numpy(), data[column] if (
                data.dtype.names) else data if data.ndim == 1
                else data[:, column])


def test_pandas_by_itself(log, expected):
    pandas = pytest.importorskip('pandas')
    pytest.importorskip('tables')
    tables = [name for name, data in expected.items() if data.dtype.names]
    assert len(tables) == 10
    for name in tables:
        frame = pandas.read_hdf(log, name)
        assert_equal(frame.to_records(index=False), expected[name])


def test_pytables(log, expected):
    tables = pytest.importorskip('tables')
    found = {}
    with tables.open_file(log) as file:
        for node in file.walk_nodes('/', 'Leaf'):
            found[node._v_pathname[1:]] = node.read()
        assert file.root.steps.attrs.verdict.split()[5] == 'clean'
        assert file.root.exposures.attrs.proof.split()[1] == 'audit'
        assert file.root.events.attrs.code.split()[8] == 'silent'
    assert set(found) == set(expected)
    for name, data in expected.items():
        assert_equal(found[name], data)


def test_netcdf4(log, expected):
    netcdf4 = pytest.importorskip('netCDF4')
    with netcdf4.Dataset(log) as file:
        groups = {'': file} | {f'{name}/': group
                               for name, group in file.groups.items()}
        found = {prefix + name: variable
                 for prefix, group in groups.items()
                 for name, variable in group.variables.items()}
        assert set(found) == set(expected)
        for name, data in expected.items():
            found[name].set_auto_mask(False)
            assert_equal(found[name][...], data)
        assert file['steps'].verdict.split()[5] == 'clean'
        assert file['exposures'].proof.split()[1] == 'audit'
        assert file['events'].code.split()[8] == 'silent'
        with load_run(log) as run:
            assert [*getattr(file, 'hosts', [])] == run.attrs['hosts']


def test_xarray_with_its_default_engine(log, expected):
    xarray = pytest.importorskip('xarray')
    pytest.importorskip('netCDF4')
    groups = {name.rpartition('/')[0] for name in expected}
    found = {}
    for group in groups:
        with xarray.open_dataset(log, group=group or None) as part:
            for name, variable in part.variables.items():
                found[f'{group}/{name}'.lstrip('/')] = variable.values
    assert set(found) == set(expected)
    for name, data in expected.items():
        assert_equal(found[name], data)


def test_pyfive(log, expected):
    pyfive = pytest.importorskip('pyfive')
    with pyfive.File(log) as file:
        for name, data in expected.items():
            assert_equal(file[name][...], data)


@pytest.mark.skipif(shutil.which('h5dump') is None, reason='no h5dump')
def test_h5dump(log, expected, tmp_path):
    for name, data in expected.items():
        subprocess.run(
            ['h5dump', f'--dataset=/{name}', '--binary=FILE',
             f'--output={tmp_path / "out"}', log], check=True,
            stdout=subprocess.DEVNULL)
        assert (tmp_path / 'out').read_bytes() == data.tobytes(), name
    shown = subprocess.run(
        ['h5dump', '--dataset=/arrivals', log], check=True, text=True,
        stdout=subprocess.PIPE).stdout
    assert 'H5T_STD_U8LE "kind"' in shown and 'replica payload' in shown


def examples(language):
    return re.findall(f'```{language}\n(.*?)```',
                      GUIDE.read_text(encoding='utf-8'), re.DOTALL)


@pytest.mark.parametrize('example', examples('python'))
def test_the_guide(made_up, example):
    log = made_up
    for module in re.findall(r'^import (\w+)', example, re.MULTILINE):
        pytest.importorskip(module)
    if 'read_hdf' in example:
        pytest.importorskip('tables')
    if 'xarray' in example:
        pytest.importorskip('netCDF4')
    with load_run(log) as run:
        ask, answer = {
            'Counter': ('', '\n'.join([
                *(f'{it.step} {it.worker} {it.proof.word} {it.text}'
                  for it in run.exposures),
                str(Counter(event.code.word for event in run.events))])),
            '.starts': ('', '\n'.join(
                f'{it.step} {it.source} {it.hosts}' for it in run.starts)),
            'load_run': ('', f'aspis {run.exposed.any(axis=0)}'),
            'pandas': ('len(steps), steps["verdict"][5], events["text"][1], '
                       'events["code"][1]', '9 clean Bären – 12 ° tolerance'),
            'xarray': ('loss.sum(), contributors.sum()',
                       f'{run.steps["loss"].sum()} '
                       f'{run.contributors.sum()}')}[
                next(word for word in (
                    'Counter', '.starts', 'load_run', 'pandas', 'xarray')
                    if word in example)]
    ended = subprocess.run(
        [sys.executable, '-c', f'{example}\nprint({ask})'], cwd=log.parent,
        text=True, capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == answer.strip()


@pytest.mark.skipif(shutil.which('h5dump') is None, reason='no h5dump')
def test_the_commands_of_the_guide(made_up):
    log = made_up
    commands, = examples('sh')
    for command in commands.splitlines():
        shown = subprocess.run(command.split(), cwd=log.parent, check=True,
                               text=True, stdout=subprocess.PIPE).stdout
        assert 'seconds_step' in shown or 'median-of-means' in shown
