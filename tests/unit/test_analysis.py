"""The scripts of analysis/ on a made-up log."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.report.palette import BLUE
from aspis_mpi.runlog.reader import load_run
from aspis_mpi.runlog.writer import RunLog
from aspis_mpi.schemes.record import (
    CODED, Arrival, ArrivalKind, Evaluation, Reordering)
from tests.support.made_up_logs import a_record

ROOT = Path(__file__).parents[2]
STEPS, MISSED, FRAMED = 30, (4, 5), 9
SCRIPTS = ('accuracy.py', 'detection.py', 'completion.py', 'timeline.py',
           'trust.py')
#: A script that draws what is known without a run.
THEORY = 'distortion.py'
#: Scripts as well: one writes a page and no picture, one takes a sweep.
OTHERS = 'report.py', 'compare.py', THEORY

JOB = """
[scheme]
name = "aspis"
[detection]
name = "clique"
[aggregation]
name = "mean"
[adversary]
count = 2
files = "all"
value = "constant"
"""


def make_log(path, job=JOB, accuracy=0.9, steps=STEPS):
    """Workers 0 and 1 lie; missed in two steps, worker 6 framed in one."""
    assignment = Subset(7, replication=3)
    blank = a_record(assignment)
    adversaries = np.arange(7) < 2
    lies = assignment.incidence & adversaries
    nobody = np.zeros(7, dtype=bool)
    with RunLog(path, assignment, job=job, seed=1, parameters=12, mpi='',
                hosts=['here'], clock='virtual') as log:
        for step in range(steps):
            flagged = adversaries & (step not in MISSED)
            flagged[6] = step == FRAMED
            log.append(replace(blank, step=step, flagged=flagged),
                       adversaries, lies, nobody, nobody)
            log.evaluation(Evaluation(
                step + 1, step, 2.0 / (step + 1), accuracy))
    return path


def a_log_for(script, path):
    """A log that a script has nothing to say against."""
    if script == 'timeline.py':
        return make_coded_log(path)
    return make_log(path, steps=2)


def analyse_coldly(script, *arguments, **environment):
    """Run a script of analysis/ by a Python of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / 'analysis' / script),
         *map(str, arguments)], capture_output=True, text=True,
        env=os.environ | {'PYTHONPATH': str(ROOT)} | environment)


def expect_picture(path):
    assert path.read_bytes().startswith(b'\x89PNG')
    assert path.stat().st_size > 5000


def test_what_is_no_script_is_named_as_shared():
    told = (ROOT / 'docs' / 'architecture.md').read_text(
        encoding='utf-8').split('\n| `analysis/` ')[1].split('\n')[0]
    for path in (ROOT / 'analysis').glob('*.py'):
        script = '__main__' in path.read_text(encoding='utf-8')
        assert script == (path.name in (*SCRIPTS, *OTHERS))
        assert script == (path.stem not in told), path.name


def test_detection_draws_beside_the_log(analyse, tmp_path):
    done = analyse('detection.py', make_log(tmp_path / 'run.h5'))
    assert done.returncode == 0, done.stderr
    expect_picture(tmp_path / 'run.detection.png')
    assert str(tmp_path / 'run.detection.png') in done.stdout

    # 2 × 28 flags are right, one is wrong, 2 × 2 are missed; workers 0 and
    # 1 are the lowest holders of C(7,3) − C(5,3) = 25 of the 35 files.
    assert 'precision 0.982, recall 0.933' in done.stdout
    assert '25.00 on average, 25 at most, of 35' in done.stdout
    counts = {line[:20].strip(): int(line[20:].split()[0])
              for line in done.stdout.splitlines()[2:-1]}
    assert counts == {
        'honest, not flagged': 5 * STEPS - 1, 'adversary, no lie': 0,
        'no work this step': 0, 'liar, flagged': 56, 'liar, missed': 4,
        'honest, flagged': 1}


@pytest.mark.parametrize('ending, begins', [
    ('png', b'\x89PNG'), ('svg', b'<?xml'), ('pdf', b'%PDF')])
def test_the_ending_of_its_name_says_what_a_picture_is(analyse, tmp_path,
                                                       ending, begins):
    log = make_log(tmp_path / 'run.h5', steps=3)
    picture = tmp_path / f'picture.{ending}'
    done = analyse('accuracy.py', log, '-o', picture)
    assert done.returncode == 0, done.stderr
    content = picture.read_bytes()
    assert content.startswith(begins)
    if ending == 'svg':
        # Letters are letters, and the first line has the report's blue.
        assert b'>step<' in content and BLUE.light.encode() in content


def test_another_ending_is_one_line(analyse, tmp_path):
    log = make_log(tmp_path / 'run.h5', steps=3)
    done = analyse('accuracy.py', log, '-o', tmp_path / 'picture.xyz')
    assert done.returncode == 2 and done.stderr.count('\n') == 1
    assert not (tmp_path / 'picture.xyz').exists()


def test_detection_of_a_long_run(analyse, tmp_path):
    log = make_log(tmp_path / 'run.h5', steps=1700)
    done = analyse('detection.py', log, '-o', tmp_path / 'other.png')
    assert done.returncode == 0, done.stderr
    expect_picture(tmp_path / 'other.png')


def test_accuracy_of_several_runs(analyse, tmp_path):
    logs = [make_log(tmp_path / 'a.h5'), make_log(tmp_path / 'b.h5'),
            make_log(tmp_path / 'c.h5', JOB.replace('"mean"', '"median"'),
                     accuracy=0.8)]
    done = analyse('accuracy.py', *logs)
    assert done.returncode == 0, done.stderr
    expect_picture(tmp_path / 'a.accuracy.png')
    assert str(tmp_path / 'a.accuracy.png') in done.stdout
    attack = '2 adversaries (all, constant)'
    rows = [line.split(maxsplit=4) for line in
            done.stdout.splitlines()[1:-1]]
    assert [row[4] for row in rows] == [
        f'aspis, mean, {attack} (a)', f'aspis, mean, {attack} (b)',
        f'aspis, median, {attack}']
    assert [row[1] for row in rows] == ['0.9000', '0.9000', '0.8000']


def test_dots_in_the_name_of_a_log_are_kept(analyse, tmp_path):
    logs = [make_log(tmp_path / 'lr0.1', steps=2),
            make_log(tmp_path / 'lr0.2', steps=2)]
    for log in logs:
        done = analyse('accuracy.py', log)
        assert done.returncode == 0, done.stderr
        expect_picture(tmp_path / f'{log.name}.accuracy.png')
    done = analyse('accuracy.py', *logs)
    assert '(lr0.1)' in done.stdout and '(lr0.2)' in done.stdout


def test_a_problem_without_accuracy_shows_its_loss(analyse, tmp_path):
    log = make_log(tmp_path / 'run.h5', accuracy=float('nan'))
    done = analyse('accuracy.py', log, '-o', tmp_path / 'loss.png')
    assert done.returncode == 0, done.stderr
    assert 'Warning' not in done.stderr
    assert done.stdout.splitlines()[1].split()[:3] == ['30', 'none', 'none']
    expect_picture(tmp_path / 'loss.png')


@pytest.mark.parametrize('name', ['accuracy', 'detection', 'trust'])
def test_a_single_step_has_no_fractions_on_the_axis(tmp_path, monkeypatch,
                                                    name):
    monkeypatch.syspath_prepend(ROOT / 'analysis')
    script = import_module(name)
    log = make_log(tmp_path / 'run.h5', steps=1)
    monkeypatch.setattr(sys, 'argv', [name, str(log)])
    script.main()
    for axis in script.pyplot().gcf().axes:
        assert (axis.get_xticks() % 1 == 0).all()


CODED_JOB = """
[collection]
name = "{}"
copies = {}
[transfer]
name = "coded"
code = "least-squares"
"""

#: Worker j holds files j, j + 1 and j + 2 of eight, in this order.
RING = (np.arange(8)[:, None] + np.arange(3)) % 8


def ring(n_workers=8, load=3):
    """Each worker holds its own file and those after it, cyclically."""
    order = (np.arange(n_workers)[:, None] + np.arange(load)) % n_workers
    incidence = np.zeros((n_workers, n_workers), dtype=bool)
    incidence[order, np.arange(n_workers)[:, None]] = True
    return Assignment(incidence, order)


def a_step_of_arrivals(step, start, assignment, silent, given_up):
    """Every worker but `silent` finishes its files 1, 2, 3 ... s after
    `start`, plus a hundredth of its number, the last two in one report; all
    send; the silent one is left out where it is given up."""
    load = assignment.load
    rows = [Arrival(step, -1, ArrivalKind.MODEL, 0, start, 0, b'')]
    for worker in range(assignment.n_workers):
        if worker == silent:
            continue
        late = start + 0.01 * worker
        rows += [Arrival(
            step, worker, ArrivalKind.PROGRESS, n, late + n, 49,
            np.packbits(np.arange(load) < n).tobytes())
            for n in range(1, load + 1) if n != load - 1]
        rows.append(Arrival(step, worker, ArrivalKind.PAYLOAD, load,
                            late + load + 1, 400, b''))
    if given_up:
        rows.append(Arrival(step, silent, ArrivalKind.SILENT, 0, start + 5,
                            0, b''))
    rows.append(Arrival(step, 0, ArrivalKind.MALFORMED, load, start + 5, 1,
                        b''))
    return sorted(rows, key=lambda row: row.seconds)


def make_coded_log(path, *, seconds=(5.0,) * 4, residual=0.0, copies=1,
                   collection='coverage', assignment=None, arrivals=True,
                   given_up=True, clock='virtual'):
    """Files are used from their first two holders; worker 4 is silent."""
    assignment = assignment or ring()
    n_workers = assignment.n_workers
    nobody = np.zeros(n_workers, dtype=bool)
    used = assignment.incidence.copy()
    used[:, 4] = used[:, 6] = False
    blank = replace(
        a_record(assignment), contributors=used, residual=residual,
        excluded=np.arange(n_workers) == 7, seconds_wait=3.25,
        source=np.full(assignment.n_files, CODED, dtype=np.int16))
    with RunLog(path, assignment, job=CODED_JOB.format(collection, copies),
                seed=1, parameters=12, mpi='', hosts=['here'],
                clock=clock) as log:
        for step, whole in enumerate(seconds):
            if arrivals:
                log.arrivals(a_step_of_arrivals(step, 100.0 * step,
                                                assignment, 4, given_up))
            log.append(replace(blank, step=step, seconds_step=whole), nobody,
                       np.zeros_like(used), nobody, nobody)
        log.reordering(Reordering(2, assignment.order[:, ::-1]))
    return path


def test_timeline_of_the_last_step_and_of_another(analyse, tmp_path):
    log = make_coded_log(tmp_path / 'run.h5')
    done = analyse('timeline.py', log)
    assert done.returncode == 0, done.stderr
    expect_picture(tmp_path / 'run.timeline.png')
    assert done.stdout.splitlines() == [
        'step 3, coverage / coded / least-squares',
        'signal after 3.25 s, step over after 5 s',
        '21 files were finished, 24 in time, 18 were used',
        'workers not needed: 6', 'workers not heard: 4',
        'workers given up: 4', 'workers without work: 7',
        f'picture: {tmp_path / "run.timeline.png"}']
    done = analyse('timeline.py', log, '--step', 1, '-o',
                   tmp_path / 'other.png')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('step 1, coverage')
    expect_picture(tmp_path / 'other.png')


@pytest.mark.parametrize('kind, name, event', [
    (ArrivalKind.REPLICA, 'mine:Replicas', 'enough has arrived'),
    (ArrivalKind.PROGRESS, 'coded', 'signal')])
def test_a_timeline_tells_by_the_arrivals_who_is_asked(analyse, tmp_path, kind,
                                                       name, event):
    design, nobody = ring(), np.zeros(8, dtype=bool)
    done = np.packbits(np.ones(3, dtype=bool)).tobytes()
    with RunLog(tmp_path / 'run.h5', design, seed=1, parameters=12, mpi='',
                hosts=['here'], job=f"[transfer]\nname = '{name}'",
                clock='virtual') as log:
        # All that were asked fell silent: not one payload.
        log.arrivals([Arrival(0, -1, ArrivalKind.MODEL, 0, 0.0, 0, b'')] + [
            Arrival(0, worker, kind, 3, 1.0, 1, done) for worker in range(8)])
        log.append(a_record(design), nobody,
                   np.zeros_like(design.incidence), nobody, nobody)
    lines = analyse('timeline.py', tmp_path / 'run.h5').stdout.splitlines()
    assert lines[0] == f'step 0, {name}'
    assert lines[1].startswith(f'{event} after')


def test_timeline_names_who_was_not_heard(analyse, tmp_path):
    log = make_coded_log(tmp_path / 'run.h5', given_up=False)
    lines = analyse('timeline.py', log).stdout.splitlines()
    assert 'workers not heard: 4' in lines
    assert not any('given up' in line for line in lines)


@pytest.mark.parametrize('n_workers', [70, 200])
def test_timeline_of_many_workers(analyse, tmp_path, n_workers):
    log = make_coded_log(tmp_path / 'run.h5', assignment=ring(n_workers, 8))
    done = analyse('timeline.py', log)
    assert done.returncode == 0, done.stderr
    assert 'Warning' not in done.stderr
    expect_picture(tmp_path / 'run.timeline.png')


def test_files_of_a_timeline(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'analysis')
    timeline_of = import_module('timeline').timeline_of
    with load_run(make_coded_log(tmp_path / 'run.h5')) as run:
        first, last = (timeline_of(run, row).files for row in (0, 3))
    for files, order in ((first, RING), (last, RING[:, ::-1])):
        for worker in set(range(8)) - {4}:
            mine = files.worker == worker
            late = 0.01 * worker
            # The second report, at 3 s, names two files: half of it each.
            assert files.file[mine].tolist() == order[worker].tolist()
            np.testing.assert_allclose(
                files.end[mine], [1 + late, 2 + late, 3 + late], atol=1e-9)
            np.testing.assert_allclose(
                files.begin[mine], [0, 1 + late, 2 + late], atol=1e-9)
            assert (files.used[mine] == (worker != 6)).all()
        assert 4 not in files.worker


CHALLENGED = """
[run]
steps = 6
seed = 7
[problem]
name = "quadratic"
parameters = 13
micro_batch = 4
[scheme]
name = "{}"
workers = {}
adversaries = 2
[adversary]
count = 2
[delay]
name = "exponential"
mean = 1.0
per = "file"
[log]
detail = "arrivals"
"""


@pytest.mark.parametrize('scheme, workers', [
    ('robust-partial', 15), ('aspis', 7)])
def test_a_timeline_tells_what_was_compared(analyse, tmp_path, monkeypatch,
                                            scheme, workers):
    monkeypatch.syspath_prepend(ROOT / 'analysis')
    timeline_of = import_module('timeline').timeline_of
    (tmp_path / 'job.toml').write_text(CHALLENGED.format(scheme, workers))
    _, path = simulate(tmp_path / 'job.toml', out=tmp_path / 'run.h5')
    found = 0
    with load_run(path) as run:
        for row in range(run.n_steps):
            files = timeline_of(run, row).files
            assert not (files.used & files.compared).any()
            counts = np.bincount(files.file[files.used | files.compared],
                                 minlength=run.n_files)
            # Whose value was used once may not show it again.
            assert (counts >= run.copies[row]).all()
            if run.steps['epochs'][row] == 1:
                assert (counts == run.copies[row]).all()
            found += files.compared.sum()
    assert found
    lines = analyse('timeline.py', path, '--step', 0).stdout.splitlines()
    told = {line.split(': ')[0]: set(line.split(': ')[1].split(', '))
            for line in lines if line.startswith('workers ')}
    assert sum(map(len, told.values())) == len(set().union(*told.values()))


def test_numbers_of_files_and_payloads_do_not_hide_each_other(tmp_path,
                                                              monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'analysis')
    script = import_module('timeline')
    axis = script.pyplot().figure().subplots()
    with load_run(make_coded_log(tmp_path / 'run.h5')) as run:
        timeline = script.timeline_of(run, 0)
    payload, *_ = script._draw_messages(axis, timeline)
    assert payload.get_linestyle() == '-' and payload.get_marker() == '>'
    low = [y % 1 for line in axis.lines for y in line.get_ydata()]
    lines = [y % 1 for segment in axis.collections[0].get_segments()
             for y in segment[:, 1]]
    script._name_files(axis, timeline.files, 0.01)
    high = [text.get_position()[1] % 1 for text in axis.texts]
    # Fractions of a row, whose middle is 0: numbers above, messages below.
    assert high and min(high) > 0.8
    assert low and lines and 0.2 < min(low + lines)
    assert max(low + lines) < 0.3


def test_what_the_log_cannot_tell_was_not_compared(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'analysis')
    timeline_of = import_module('timeline').timeline_of
    done = np.packbits(np.ones(3, dtype=bool)).tobytes()
    design, nobody = ring(), np.zeros(8, dtype=bool)
    copies = np.where(np.arange(8) < 2, 2, 3).astype(np.uint16)
    with RunLog(tmp_path / 'run.h5', design, seed=1, parameters=12, mpi='',
                hosts=['here'], job='', clock='virtual') as log:
        log.arrivals([Arrival(0, -1, ArrivalKind.MODEL, 0, 0.0, 0, b'')] + [
            Arrival(0, worker, ArrivalKind.REPLICA, 3, 1.0, 1, done)
            for worker in range(8)])
        log.append(replace(a_record(design), copies=copies), nobody,
                   np.zeros_like(design.incidence), nobody, nobody)
    with load_run(tmp_path / 'run.h5') as run:
        files = timeline_of(run, 0).files
    # Three workers sent files 0 and 1, and of those two were shown.
    assert (files.compared == (~files.used & (files.file >= 2))).all()


def test_timeline_without_arrivals_says_what_to_do(analyse, tmp_path):
    log = make_coded_log(tmp_path / 'run.h5', arrivals=False)
    done = analyse('timeline.py', log)
    assert done.returncode == 2
    assert done.stderr.count('\n') == 1
    assert 'log.detail = "arrivals"' in done.stderr
    assert not (tmp_path / 'run.timeline.png').exists()


def test_timeline_of_a_step_that_is_not_there(analyse, tmp_path):
    log = make_coded_log(tmp_path / 'run.h5')
    done = analyse('timeline.py', log, '--step', 9)
    assert done.returncode == 2
    assert 'has no step 9, only 0 to 3' in done.stderr


def test_completion_of_several_runs(analyse, tmp_path):
    logs = [make_coded_log(tmp_path / 'a.h5', seconds=(4, 6, 8, 2),
                           collection='full-workers'),
            make_coded_log(tmp_path / 'b.h5', seconds=(2, 2, 3, 1), copies=2,
                           residual=0.5),
            make_coded_log(tmp_path / 'c.h5', seconds=(1, 1, 1, 1), copies=2,
                           residual=2.0)]
    done = analyse('completion.py', *logs)
    assert done.returncode == 0, done.stderr
    expect_picture(tmp_path / 'a.completion.png')
    rows = [line.split(maxsplit=7) for line in
            done.stdout.splitlines()[1:-1]]
    assert [row[7] for row in rows] == [
        'full-workers / coded / least-squares',
        'coverage × 2 / coded / least-squares (b)',
        'coverage × 2 / coded / least-squares (c)']
    numbers = [[float(x.strip('%')) for x in row[:7]] for row in rows]
    assert numbers[0] == [4, 5, 5, 7.7, 1, 0, 100]
    assert numbers[1] == [4, 2, 2, 2.85, 0.4, 0.5, 0]
    assert numbers[2] == [4, 1, 1, 1, 0.2, 2, 0]


def test_completion_says_when_nothing_is_approximate(analyse, tmp_path):
    logs = [make_coded_log(tmp_path / 'a.h5', seconds=(0.01, 9)),
            make_log(tmp_path / 'b.h5')]
    done = analyse('completion.py', *logs, '-o', tmp_path / 'exact.png')
    assert done.returncode == 0, done.stderr
    assert 'Warning' not in done.stderr
    assert 'the residual is 0 in every step of every run' in done.stdout
    expect_picture(tmp_path / 'exact.png')


def test_completion_says_when_no_time_passed(analyse, tmp_path):
    logs = [make_coded_log(tmp_path / f'{name}.h5', seconds=seconds)
            for name, seconds in (('a', (0, 0)), ('b', (0, 0)),
                                  ('c', (2, 4)))]
    for some, told in (logs[:1], True), (logs[:2], True), (logs, False):
        done = analyse('completion.py', *some)
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert 'nan' not in done.stdout
        assert ('no time passed on the virtual clock\n'
                in done.stdout) == told
        rows = done.stdout.splitlines()[1:1 + len(some)]
        assert {row.split()[4] for row in rows} == {'-'}


def test_completion_tells_virtual_from_wall_clock(analyse, tmp_path):
    logs = [make_coded_log(tmp_path / 'a.h5'),
            make_coded_log(tmp_path / 'b.h5', clock='wall')]
    rows = analyse('completion.py', *logs).stdout.splitlines()[1:3]
    assert [row.split(maxsplit=7)[7] for row in rows] == [
        'coverage / coded / least-squares, virtual clock',
        'coverage / coded / least-squares, wall clock']


@pytest.mark.parametrize('script', SCRIPTS)
def test_mistakes_get_one_line_and_exit_2(analyse, tmp_path, script):
    missing = tmp_path / 'missing.h5'
    empty = make_log(tmp_path / 'empty.h5', steps=0)
    log = a_log_for(script, tmp_path / 'run.h5')
    for arguments, reason in (
            ([missing], str(missing)), ([__file__], 'HDF5'),
            ([empty], 'holds no'),
            ([log, '-o', tmp_path / 'no' / 'x.png'], 'No such file')):
        done = analyse(script, *arguments)
        assert done.returncode == 2
        assert reason in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize('script', SCRIPTS)
def test_a_full_disk_is_told_with_the_name_of_the_picture(tmp_path, script):
    """Also by the script alone, to which nobody lends what is imported."""
    picture = tmp_path / 'full.png'
    picture.symlink_to('/dev/full')
    done = analyse_coldly(
        script, a_log_for(script, tmp_path / 'run.h5'), '-o', picture)
    assert done.returncode == 2
    assert done.stderr == (f'{script[:-3]}: {picture}: No space left on '
                           'device\n')


@pytest.mark.parametrize('script', SCRIPTS)
def test_without_matplotlib_the_extra_is_named(tmp_path, script):
    (tmp_path / 'matplotlib.py').write_text('raise ImportError')
    search = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = analyse_coldly(
        script, a_log_for(script, tmp_path / 'run.h5'), PYTHONPATH=search)
    assert done.returncode == 2
    assert done.stderr.count('\n') == 1
    assert "pip install 'aspis-mpi[analysis]'" in done.stderr


# --- what is known without a run ---------------------------------------

def test_distortion_draws_any_schemes(analyse, tmp_path):
    picture = tmp_path / 'worst.png'
    done = analyse(THEORY, 'baseline', 'detox', 'aspis', 'draco:5', 'mols',
                   'ramanujan:5:25', '-o', picture)
    assert done.returncode == 0, done.stderr
    expect_picture(picture)
    head, *rows, last = done.stdout.splitlines()
    assert head.split() == ['q', 'baseline', 'detox', 'aspis', 'draco:5',
                            'mols', 'ramanujan:5:25']
    assert last == f'picture: {picture}'
    cells = [re.split(r'  +', row.strip()) for row in rows]
    assert [row[0] for row in cells] == list(map(str, range(13)))
    assert cells[6] == ['6', '6 of 15 = 0.400', '3 of 5 = 0.600',
                        '110 of 455 = 0.242', '-', '12 of 25 = 0.480',
                        '4 of 25 = 0.160']
    assert cells[2][4] == '0 of 3 = 0.000' and cells[3][4] == '-'
    assert cells[12] == ['12', *['-'] * 5, '17 of 25 = 0.680']


def test_distortion_tells_what_it_could_not_search(analyse, tmp_path):
    picture = tmp_path / 'worst.svg'
    done = analyse(THEORY, 'bibd:8', '--workers', 57, '--adversaries', 9,
                   '-o', picture)
    assert done.returncode == 0, done.stderr
    assert '<svg' in picture.read_text(encoding='utf-8')
    least, most = re.search(r'9  (\d+)-(\d+) of 57', done.stdout).groups()
    assert 0 < int(least) < int(most) < 57


def test_distortion_searches_longer(analyse, tmp_path):
    found = [analyse(THEORY, 'mols:5:35', '--adversaries', 8, '--seconds', n,
                     '-o', tmp_path / 'worst.png').stdout for n in (0, 2)]
    assert '-9 of 49 = 0.184' in found[0]
    assert '8 of 49 = 0.163' in found[1]


@pytest.mark.parametrize('scheme, told', [
    ('mosl', "mosl: there is no such scheme; did you mean 'mols'?"),
    ('mols:4', 'mols:4: 15 workers .* has one is 20'),
    ('draco:5:16', 'draco:5:16: replication 5 must divide .*, 16: 4 and 8'),
    ('mols:three', r'mols:three: .* form SCHEME\[:r\[:K\]\]'),
    ('mols:3:15:2', 'mols:3:15:2: must be of the form'),
    ('uncoded:3', 'uncoded:3: takes no replication'),
    ('file', 'file: the constructor must take')])
def test_what_distortion_does_not_know_is_told(analyse, tmp_path, scheme,
                                               told):
    done = analyse(THEORY, scheme, '-o', tmp_path / 'worst.png')
    assert done.returncode == 2
    assert re.fullmatch(f'distortion: {told}.*\n', done.stderr)
    assert not (tmp_path / 'worst.png').exists()


@pytest.mark.parametrize('option, least', [
    ('--adversaries', 0), ('--workers', 1), ('--seconds', 0)])
def test_numbers_without_sense_are_refused_by_distortion(
        analyse, tmp_path, option, least):
    done = analyse(THEORY, 'aspis', option, least - 1, '-o',
                   tmp_path / 'worst.png')
    assert done.returncode == 2
    assert done.stderr == (
        f'distortion: {option} {least - 1} must be at least {least}\n')
    assert not (tmp_path / 'worst.png').exists()
