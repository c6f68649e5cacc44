"""Logs of earlier versions of the format: read, and gone on with.

`version1/run.h5.gz` was written by the last program of version 1: eight
steps of robust-partial with five workers of whom one lies, arrivals and
changes of the order; then, as a kill leaves it, rows that never reached the
disk.  `version1/read.json.gz` is what the reader of that program gave.
`version2` has the same of the last program of version 2: seven workers, of
whom two lie and are exposed, forgotten and exposed again.  `version3` has
the same run by the last program of version 3, and no kill.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from aspis_mpi.__main__ import main
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.errors import RunLogError
from aspis_mpi.runlog import schema
from aspis_mpi.runlog.datasets import DataSet
from aspis_mpi.runlog.reader import Run, load_run
from aspis_mpi.runlog.stretch import Stretch
from aspis_mpi.runlog.summary import print_summary
from aspis_mpi.runlog.writer import RunLog
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Event
from tests.support.made_up_logs import (
    create, fill, made_up_arrivals, made_up_exposure, mark)

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
#: Data sets with a row a step that every version has.
ROWS = ('steps', 'flagged', 'exposed', 'excluded', 'disagreements', 'margin',
        'source', 'contributors', 'copies', 'files_done', 'first_report',
        'last_report', 'adversaries', 'lies', 'payload_lies')
#: Those that came with version 2.
LATER = ('late', 'account', 'dawdles')
#: Who is exposed first in which step, in either log.
EXPOSED = {1: {1: 0}, 2: {1: 0, 5: 1}, 3: {1: 0, 5: 1}}


def columns(table):
    """A table as JSON can hold it, without columns of version 4."""
    return {name: [table[name].dtype.str, table[name].tolist()]
            for name in table.dtype.names
            if name not in ('turn', 'files_checked', 'clipped', 'scale')}


def plain(array):
    return columns(array) if array.dtype.names else [
        array.dtype.str, array.shape, array.tolist()]


def told(run):
    """All that a reader gives of a run of one part, as JSON can hold it."""
    arrivals, steps = run.arrivals, range(run.first_step, run.n_steps + 2)
    said = {name: getattr(run, name) for name in (
        'attrs', 'config', 'first_step', 'n_steps', 'n_files', 'n_workers',
        'attack')}
    said |= {name: plain(getattr(run, name)) for name in (
        *ROWS, 'incidence', 'order', 'evaluation', 'wrong_files', 'lied')}
    return json.loads(json.dumps(said | {
        'window': [plain(run.read(name, slice(1, 7, 2))) for name in ROWS],
        'events': [[event.time, event.level, event.rank, event.text]
                   for event in run.events],
        'arrivals': columns(arrivals), 'finished': plain(
            run.finished(arrivals)),
        'arrivals_of': [columns(run.arrivals_of(step)) for step in steps],
        'order_at': [plain(run.order_at(step)) for step in steps],
        'flagging': [run.flagging.right, run.flagging.wrong,
                     run.flagging.missed],
        'parts': [part is run for part in (*run.parts, run.part_of(3))]}))


@pytest.fixture(params=[1, 2, 3])
def version(request):
    return request.param


@pytest.fixture
def old(version, tmp_path, monkeypatch):
    """The log of a version, from whose folder it is read."""
    monkeypatch.chdir(tmp_path)
    path = Path('run.h5')
    path.write_bytes(unpacked(version, 'run.h5'))
    return path


def unpacked(version, name):
    packed = HERE / f'version{version}' / f'{name}.gz'
    return gzip.decompress(packed.read_bytes())


def then(version):
    """What was read of it when there was no later version."""
    said = json.loads(unpacked(version, 'read.json'))
    return {name: said[name] for name in said
            if name not in (*LATER, 'exposures')}


def same(told, other):
    """Equal, where NaN is equal to NaN."""
    assert told.keys() == other.keys()
    for name in told:
        one, two = (json.dumps(item[name], sort_keys=True)
                    for item in (told, other))
        assert one == two, name


def going_on(path, step):
    """Go on with a log from a step on, without doing any."""
    with load_run(path) as run:
        design = Assignment(run.incidence).widened(
            run.order.shape[1]).reordered(run.order)
    RunLog(path, design, job=run.attrs['config'], seed=3, parameters=8,
           mpi='', hosts=[], clock='virtual', overwrite=True,
           stretch=Stretch(step, True)).close()


def test_an_earlier_log_reads_as_before(old, version):
    with load_run(old) as run:
        assert run.attrs['version'] == version
        same(told(run), then(version))


@pytest.mark.parametrize('version', [2, 3])
def test_what_came_with_version_2_reads_as_before(old, version):
    said = json.loads(unpacked(version, 'read.json'))
    with load_run(old) as run:
        for name in LATER:
            assert json.loads(json.dumps(plain(getattr(run, name)))) == (
                said[name]), name


@pytest.mark.parametrize('version', [3])
def test_proofs_read_as_before(old, version):
    with load_run(old) as run:
        assert [[it.step, it.since, it.worker, it.proof, it.text]
                for it in run.exposures] == json.loads(
                    unpacked(version, 'read.json'))['exposures']
        assert EventCode.EXPOSED in {event.code for event in run.events}


def test_turns_of_an_earlier_log_are_its_steps(old):
    """No step of it was ever done again."""
    with load_run(old) as run:
        for table in run.steps, run.arrivals:
            assert table.size and (table['turn'] == table['step']).all()
        assert all(it.turn == it.step for it in run.exposures)


@pytest.mark.parametrize('version', [1, 2])
def test_events_have_no_code_and_nobody_a_proof(old):
    """Sentences of before are for people: nothing is made of them."""
    with load_run(old) as run:
        assert len(run.events) > 2 and run.exposed.any()
        assert {event.code for event in run.events} == {EventCode.UNKNOWN}
        assert run.exposures == []


@pytest.mark.parametrize('step', [0, 5, 8])
def test_a_log_that_goes_on_is_one_of_this_version(old, version, step):
    """It says what it said of all steps before, and what had happened."""
    with load_run(old) as before:
        going_on(old, step)
        expected = {name: before.read(name, slice(step)) for name in ROWS}
        evaluation, arrivals = before.evaluation, before.arrivals
        with load_run(old) as run:
            assert run.attrs == before.attrs | {
                'version': schema.VERSION, 'package': run.attrs['package'],
                'hosts_from': 'ranks', 'last_checkpoint': step}
            assert run.exposures == [it for it in before.exposures
                                     if it.step < step]
            for name in ROWS:
                assert run.read(name).tobytes() == expected[name].tobytes()
            # In version 1 what never reached the disk reads as zeros.
            assert run.events == before.events[
                :-1 if version == 1 else None]
            assert run.evaluation.tobytes() == evaluation[
                evaluation['step'] <= (step or -1)].tobytes()
            np.testing.assert_array_equal(
                run.arrivals, arrivals[arrivals['step'] < step])
            np.testing.assert_array_equal(
                run.finished(run.arrivals),
                before.finished(arrivals)[arrivals['step'] < step])
            for other in range(step):
                np.testing.assert_array_equal(run.order_at(other),
                                              before.order_at(other))
            once = told(run)
        again = str(old.rename('again.h5'))
        going_on(Path(again), step)
        with load_run(again) as run:
            same(told(run), once)


#: Every script of analysis/ that makes a figure, one after the other.
FIGURES = """
import sys
import accuracy, completion, detection, timeline, trust
for script in accuracy, completion, detection, timeline, trust:
    sys.argv[2:] = '-o', script.__name__ + '.png'
    script.main()
"""


def test_show_and_the_figures_say_the_same_of_both(old, version, capsys):
    """The last event, which says nothing, is left out of the new one."""
    shown = []
    for step in None, 8:
        if step:
            going_on(old, step)
        print_summary(old)
        lines = capsys.readouterr().out.splitlines()
        done = subprocess.run(
            [sys.executable, '-c', FIGURES, old], text=True,
            capture_output=True, env=os.environ | {
                'PYTHONPATH': os.pathsep.join([str(ROOT / 'analysis'),
                                               str(ROOT)])})
        assert done.returncode == 0, done.stderr
        shown.append(lines + done.stdout.splitlines())
    assert shown[0] == shown[1] and len(shown[0]) > 20
    for worker, step in EXPOSED[version].items():
        told = 'is exposed' if version < 3 else 'disagrees with'
        assert any(line.startswith(f'step {step}: worker {worker} {told}')
                   for line in shown[0])


def test_parts_of_different_versions_are_one_run(old, version):
    design = Subset(4, replication=3)
    with create(Path('run.2.h5'), design) as log:
        for step in range(6, 9):
            log.arrivals(made_up_arrivals(step, 4, design.load))
            fill(log, design, [step])
            log.event(Event(10.0 + step, 20, 0, f'{step}', EventCode.LOST))
            log.exposure(made_up_exposure(step))
    mark(Path('run.2.h5'), 6)
    with load_run(old) as run, Run(old) as first:
        assert [part.attrs['version'] for part in run.parts] == [
            version, schema.VERSION]
        assert run.steps['step'].tolist() == list(range(9))
        np.testing.assert_array_equal(run.flagged[:6], first.flagged[:6])
        for step in range(6):
            for name in run.arrivals.dtype.names:
                np.testing.assert_array_equal(
                    run.arrivals_of(step)[name],
                    first.arrivals_of(step)[name])
        assert len(run.arrivals_of(7)) == 5
        assert (run.events[-1].text, run.events[-1].code) == (
            '8', EventCode.LOST)
        assert run.exposures == [
            *(it for it in first.exposures if it.step < 6),
            *map(made_up_exposure, range(6, 9))]
        print_summary(old)


# -- what a version has and an earlier one has not

NEWER = [DataSet('/truth/new', np.dtype(bool), ('K',), since=4),
         DataSet('/progress/pace', np.dtype('f8'), ('K',), since=4),
         DataSet('/truth/both', np.dtype(bool), ('f', 'K'),
                 packed=True, since=4),
         DataSet('/progress/count', np.dtype('u2'), (), since=4)]


@pytest.fixture
def newer(old, monkeypatch):
    """Data sets that only this version has, some of each sort."""
    for item in NEWER:
        monkeypatch.setitem(schema.ROWS, item.name, item)
    return old


def assert_nothing(run, item, steps=8):
    shape = steps, *item.shape(run.n_files, run.n_workers)
    nothing = np.nan if item.dtype.kind == 'f' else 0
    np.testing.assert_array_equal(
        run.read(item.name), np.full(shape, nothing, item.dtype), strict=True)
    np.testing.assert_array_equal(
        run.read(item.name, slice(1, 6, 3)), run.read(item.name)[1:6:3])


@pytest.mark.parametrize('item', NEWER, ids=[item.name for item in NEWER])
def test_what_an_earlier_version_has_not_is_nothing(newer, version, item):
    with load_run(newer) as run:
        assert_nothing(run, item)
        assert len(getattr(run, item.name)) == 8
        same(told(run), then(version))
    going_on(newer, 5)
    with load_run(newer) as run:
        assert_nothing(run, item, 5)
    with h5py.File(newer) as file:
        assert len(file[item.path]) == 5


@pytest.mark.parametrize('item', NEWER, ids=[item.name for item in NEWER])
def test_it_is_nothing_in_an_earlier_part_too(newer, item):
    with h5py.File(newer, 'a'):
        shutil.copy(newer, 'run.2.h5')
    mark(Path('run.2.h5'), 8)
    with load_run(newer) as run:
        assert len(run.parts) == 2
        assert_nothing(run, item, run.n_steps)


@pytest.mark.parametrize('name', ['new', 'pace', 'both', 'count'])
def test_this_version_must_have_it(newer, name):
    with h5py.File(newer, 'a') as file:
        file.attrs['version'] = schema.VERSION
    with pytest.raises(RunLogError, match='cannot be read'):
        load_run(newer)


@pytest.mark.parametrize('command', ['show', 'simulate --resume'])
def test_a_newer_log_is_refused_in_a_line(old, command, capsys):
    with h5py.File(old, 'a') as file:
        file.attrs['version'] = schema.VERSION + 1
        Path('job.toml').write_text(file.attrs['config'])
    assert main(['show', 'run.h5'] if command == 'show' else [
        'simulate', 'job.toml', '--out', 'run.h5', '--resume']) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert (f'run.h5 has version {schema.VERSION + 1} of the run log; this '
            f'aspis_mpi reads versions 1 to {schema.VERSION}') in said[0]
