"""A log as data frames of pandas: the same numbers, in long tables."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aspis_mpi.runlog import schema
from aspis_mpi.runlog.plain_tables import PART, TABLES
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.schemes.record import Cause, DrawKind, Outcome
from tests.support.limits import HANGS
from tests.support.log_contract import BESIDE, COLUMNS
from tests.support.run_parts import COUNTING, rows_of, three_parts
from tests.support.spot_logs import went_back

pandas = pytest.importorskip('pandas')


@pytest.fixture(scope='module')
def log(tmp_path_factory):
    return went_back(tmp_path_factory.mktemp('frames'))


@pytest.fixture(scope='module')
def run(log):
    """A run that exposed a worker and went back."""
    with load_run(log) as run:
        yield run


@pytest.fixture(scope='module')
def frames(run):
    return run.frames()


def assert_same(series, expected):
    """Equal bits, also where nothing is a number."""
    found = series.to_numpy()
    assert found.dtype == expected.dtype
    assert found.tobytes() == np.ascontiguousarray(expected).tobytes()


def test_there_is_a_frame_for_every_table_of_the_log(frames):
    assert list(frames) == list(TABLES)
    beside = {path: column for path, (_, column) in BESIDE.items()}
    for name, columns in COLUMNS.items():
        found = {*frames[name], *frames[name].index.names}
        assert found >= {*columns, beside.get(name, 'part')} - {'places'}


def test_every_array_is_a_column_or_a_table(frames):
    columns = {*frames, 'margin'}.union(*(it.columns for it in (
        frames['workers'], frames['files'])))
    assert set(schema.ROWS) <= columns


def test_steps_have_the_columns_of_the_log(run, frames):
    steps = frames['steps']
    assert steps.index.name == 'step'
    assert_same(steps.index, run.steps['step'])
    for name in set(run.steps.dtype.names) - {'step', 'verdict'}:
        assert_same(steps[name], run.steps[name])
    assert_same(steps['margin_supporting'], run.margin[:, 0])
    assert_same(steps['margin_disagreeing'], run.margin[:, 1])
    assert_same(steps['verdict'].cat.codes.astype('u1'),
                run.steps['verdict'])
    assert [*steps['verdict'].cat.categories] == [
        it.name.lower() for it in Outcome]


@pytest.mark.parametrize('table, side, row', [
    ('workers', 'worker', ('K',)), ('files', 'file', ('f',))])
def test_arrays_by_worker_and_by_file_are_long(run, frames, table, side, row):
    frame = frames[table]
    assert frame.index.names == ['step', side] and frame.index.is_unique
    names = [it.name for it in schema.ROWS.values() if it.row == row]
    assert [*frame.columns] == [*names, 'part'] and len(names) > 1
    for name in names:
        wide = frame[name].unstack(side)
        assert_same(wide.index, run.steps['step'])
        assert_same(wide, run.read(name))


@pytest.mark.parametrize('name, columns', [
    ('contributors', ['file', 'worker']), ('lies', ['file', 'worker']),
    ('disagreements', ['worker', 'other'])])
def test_of_bits_there_is_a_row_for_each_that_is_set(
        tmp_path, name, columns):
    """Of a symmetric matrix for each pair."""
    with load_run(three_parts(tmp_path)) as run:
        frame = run.frames(name)[name]
        expected = run.read(name)
    if name == 'disagreements':
        expected = np.triu(expected, 1)
    bits = np.zeros_like(expected)
    bits[(frame['step'], *(frame[column] for column in columns))] = True
    assert len(frame) == expected.sum() > 50
    np.testing.assert_array_equal(bits, expected)


def test_who_was_exposed_stands_there_in_words(run, frames):
    exposure, = run.exposures
    row, = frames['exposures'].itertuples()
    assert (row.step, row.since, row.worker, row.turn, row.text) == (
        exposure.step, exposure.since, exposure.worker, exposure.turn,
        exposure.text)
    assert row.proof == exposure.proof.word == 'audit'
    back, = frames['rollbacks'].itertuples()
    assert (back.turn, back.end, back.undone, back.cause) == (
        run.rollbacks[0].turn, run.rollbacks[0].end, run.rollbacks[0].undone,
        Cause.EXPOSURE.word)


def test_draws_and_arrivals_say_what_was_undone(run, frames):
    for name, rows in (('draws', run.draws), ('arrivals', run.arrivals)):
        frame = frames[name]
        for column in set(rows.dtype.names) - {'kind', 'finished'}:
            assert_same(frame[column], rows[column])
        assert_same(frame['kind'].cat.codes.astype('u1'), rows['kind'])
        assert frame['undone'].any() and not frame['undone'].all()
        assert_same(frame['undone'], run.undone(rows))
    assert [*frames['draws']['kind'].cat.categories] == [
        it.word for it in DrawKind]


def test_what_had_been_finished_has_a_letter_for_each_position(run, frames):
    bits = [[letter == 'x' for letter in word]
            for word in frames['arrivals']['finished']]
    expected = run.finished(run.arrivals)
    assert expected.any() and not expected.all()
    np.testing.assert_array_equal(bits, expected)


def test_orders_are_those_of_each_step(run, frames):
    orders = frames['orders']
    for first in orders['step'].unique():
        found = np.full_like(run.order, -1)
        own = orders[orders['step'] == first]
        found[own['worker'], own['position']] = own['file']
        np.testing.assert_array_equal(found, run.order_at(first))
    assert orders['step'].nunique() == 2


def test_a_place_has_the_row_of_its_start(run, frames):
    places = frames['places']
    assert len(places) == len(run.starts) * (run.n_workers + 1)
    assert len(frames['starts']) == len(run.starts) == 2
    for place in places.itertuples():
        assert place.host == run.starts[place.start].hosts[place.rank]
    assert set(frames['starts']['source']) == {'simulated'}


def test_only_what_is_asked_for(run):
    assert [*run.frames('steps', 'events')] == ['steps', 'events']
    with pytest.raises(ValueError, match="no table is called 'step'; did you "
                       "mean 'steps'"):
        run.frames('step')


def test_types_do_not_depend_on_whether_there_are_rows(run, frames):
    assert not len(frames['tensors']) and len(frames['events'])
    assert frames['tensors']['name'].dtype == frames['events']['text'].dtype
    assert frames['tensors']['proof'].dtype == (
        frames['exposures']['proof'].dtype)


def test_each_part_of_a_run_has_workers_of_its_own(tmp_path):
    """No row is filled up: whoever was not there has none."""
    with load_run(three_parts(tmp_path)) as run:
        workers, steps = run.frames('workers', 'steps').values()
        expected = [np.asarray(row) for row in rows_of('account')]
    assert steps['part'].tolist() == [1] * 10 + [2] * 3 + [3] * 8
    assert len(workers) == sum(len(steps) * design.n_workers
                               for steps, design in COUNTING)
    assert_same(workers['account'], np.concatenate(expected))
    assert workers.index.is_unique


def test_arrivals_of_parts_have_letters_of_their_own_load(tmp_path):
    with load_run(three_parts(tmp_path)) as run:
        frame = run.frames('arrivals')['arrivals']
    lengths = frame.groupby('part')['finished'].agg(
        lambda words: {len(word) for word in words})
    assert lengths.tolist() == [{design.load} for _, design in COUNTING]


def test_the_example_of_the_page(log, run):
    """It says whose last report came last."""
    page = Path(__file__).parents[2] / 'docs' / 'tables.md'
    example, = re.findall(r'```python\n(.*?)```',
                          page.read_text(encoding='utf-8'), re.DOTALL)
    (log.parent / 'RUN.h5').write_bytes(log.read_bytes())
    ended = subprocess.run(
        [sys.executable, '-c', f'{example}\nprint(waited.shape)'],
        cwd=log.parent, text=True, capture_output=True, timeout=HANGS)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r'^clean +32$', ended.stdout, re.MULTILINE)
    assert ended.stdout.endswith(f'{run.last_report.shape}\n')


def test_every_column_has_a_sentence():
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(names) == len(set(names)) and names[-1] == PART.name
        for column in table.columns:
            assert column.meaning.endswith(('.', ':')), (table.name, column)
            assert all(text.endswith('.') for _, text in column.words)


def test_seconds_and_bytes_have_units():
    units = {column.unit for table in TABLES.values()
             for column in table.columns}
    assert units == {'', 's', 'bytes'}
    for table in TABLES.values():
        for column in table.columns:
            tells = column.meaning.startswith(('Seconds', 'Since the run '
                                               'began', 'From `Model`'))
            assert not tells or column.unit == 's', (table.name, column)
            assert column.unit != 's' or column.dtype == 'f8', column


def test_without_pandas_one_line_names_the_extra(run, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pandas', None)
    with pytest.raises(ImportError) as told:
        run.frames()
    assert 'the extra `analysis`' in str(told.value)
    assert '\n' not in str(told.value)
