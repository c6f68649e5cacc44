"""The comparison of a sweep's cells, on made-up logs and on real ones."""

import csv
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest

from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.errors import RunLogError
from aspis_mpi.report.palette import LINES
from aspis_mpi.runlog.writer import RunLog
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Evaluation, Event
from aspis_mpi.sweep import records
from aspis_mpi.sweep.reading import load
from aspis_mpi.sweep.results import collect
from tests.support.limits import HANGS
from tests.support.made_up_logs import a_record
from tests.support.sweep_files import NAMES, SWEEP, sweep_in

ROOT = Path(__file__).parents[2]

#: Accuracies of the made-up runs.
ACCURACIES = {'aspis-none-1': 0.90, 'aspis-none-2': 0.94,
              'aspis-reversed-1': 0.88, 'aspis-reversed-2': 0.88,
              'plain-none-1': 0.91, 'plain-reversed-1': 0.10}
STEPS = 4


def make_up(run, accuracy, steps=STEPS, reason=''):
    """The log of a run; it ends early for a reason."""
    assignment = Subset(5, replication=3)
    nobody = np.zeros(5, dtype=bool)
    with RunLog(run.log, assignment, job=run.job.to_toml(), seed=1,
                parameters=12, mpi='', hosts=['here'],
                clock='virtual') as log:
        for step in range(steps):
            # Six gradients more in every other step, for ten files.
            log.append(replace(
                a_record(assignment), step=step, audits=4 * (step % 2),
                files_checked=2 * (step % 2), bytes_in=2_000_000,
                bytes_out=500_000, seconds_step=0.25), nobody,
                np.zeros((10, 5), dtype=bool), nobody, nobody)
        log.evaluation(Evaluation(steps, 1.0, 2 - accuracy, accuracy))
        if reason:
            log.event(Event(1.0, 40, 0, reason, EventCode.FAILED))
    np.savez(run.model, parameters=np.zeros(12))


@pytest.fixture
def made(tmp_path):
    """The folder of a sweep of which the last runs are not all there."""
    _, sweep = sweep_in(tmp_path)
    records.submit(sweep)
    for run in sweep.runs:
        if run.name == 'plain-reversed-1':
            make_up(run, 0.1, 2, 'the premise failed\nin lines')
        elif run.name in ACCURACIES:
            make_up(run, ACCURACIES[run.name])
    return sweep.folder


def rows(text):
    """Rows of a table in Markdown, by what their cells say."""
    return [[word.strip() for word in line.strip('|').split('|')]
            for line in text.splitlines() if line.startswith('|')]


def test_a_row_for_each_cell_with_mean_and_deviation(analyse, made):
    done = analyse('compare.py', made)
    assert done.returncode == 0, done.stderr
    head, _, *found = rows(done.stdout)
    assert head == ['Scheme', 'attack', 'runs', 'accuracy (%)', 'loss',
                    'gradients a file', 'MB a step', 's a step']
    # Deviations of samples: 0.02 * sqrt(2).
    assert found == [
        ['aspis', 'none', '2', '92.0 ± 2.8', '1.08 ± 0.0283', '3.3', '2.5',
         '0.25'],
        ['aspis', 'reversed', '2', '88.0', '1.12', '3.3', '2.5', '0.25'],
        ['Plain', 'none', '1 of 2', '91.0', '1.09', '3.3', '2.5', '0.25'],
        ['Plain', 'reversed', '1, 1 ended early', '10.0', '1.9', '3.3',
         '2.5', '0.25']]
    assert done.stdout.startswith('# Small\n')
    assert ('plain-reversed-1 ended early and counts with its last '
            'evaluation: the premise failed\n') in done.stdout
    assert 'virtual clock.' in done.stdout


def test_table_numbers_and_picture_go_to_the_folder(analyse, made):
    done = analyse('compare.py', made)
    assert [line for line in done.stdout.splitlines() if 'written' in line
            ] == [f'written: {made}/compare.{ending}'
                  for ending in ('md', 'csv', 'png')]
    assert done.stdout.startswith((made / 'compare.md').read_text())
    assert (made / 'compare.png').read_bytes().startswith(b'\x89PNG')
    with open(made / 'compare.csv', newline='') as file:
        found = list(csv.DictReader(file))
    assert [(row['scheme'], row['attack']) for row in found] == [
        ('aspis', 'none'), ('aspis', 'reversed'), ('plain', 'none'),
        ('plain', 'reversed')]
    two = [ACCURACIES[name] for name in NAMES[:2]]
    assert float(found[0]['accuracy']) == mean(two)
    assert float(found[0]['accuracy_deviation']) == stdev(two)
    assert float(found[0]['bytes']) == 2_500_000
    assert [row['measured'] for row in found] == ['2', '2', '1', '1']
    assert math.isnan(float(found[2]['accuracy_deviation']))


@pytest.mark.parametrize('script, written', [
    ('compare.py', ['compare.md', 'compare.csv', 'compare.png']),
    ('accuracy.py', ['aspis-none-1.accuracy.png'])])
def test_all_is_written_if_nobody_reads(made, script, written):
    """As by `| head`, which goes when it has seen enough."""
    what = made if script == 'compare.py' else made / 'aspis-none-1.h5'
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, str(ROOT / 'analysis' / script), str(what)],
        stdout=write, stderr=subprocess.PIPE, text=True, timeout=HANGS,
        env=os.environ | {'PYTHONPATH': str(ROOT)})
    os.close(write)
    assert (done.returncode, done.stderr) == (0, '')
    for name in written:
        assert (made / name).stat().st_size


@pytest.mark.parametrize('ending, begins', [
    ('svg', b'<?xml'), ('pdf', b'%PDF'), ('md', b'# Small'),
    ('csv', b'scheme,attack,runs,')])
def test_what_is_written_is_told_by_the_ending(analyse, made, tmp_path,
                                               ending, begins):
    path, other = tmp_path / f'a.{ending}', tmp_path / 'b.png'
    done = analyse('compare.py', made, '-o', path, '-o', other)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().startswith(begins)
    assert other.read_bytes().startswith(b'\x89PNG')
    assert not (made / 'compare.md').exists()
    if ending == 'svg':
        for text in (b'>Plain<', b'>reversed<', LINES[1].light.encode()):
            assert text in path.read_bytes()


def test_axes_that_are_named_come_first(analyse, made, tmp_path):
    done = analyse('compare.py', made, '--axes', 'attack', '-o',
                   tmp_path / 'a.csv', '-o', tmp_path / 'a.svg')
    assert done.returncode == 0, done.stderr
    head, _, *found = rows(done.stdout)
    assert head[:3] == ['attack', 'Scheme', 'runs']
    assert [row[:2] for row in found] == [
        ['none', 'aspis'], ['none', 'Plain'], ['reversed', 'aspis'],
        ['reversed', 'Plain']]
    as_in_the_file = rows(analyse('compare.py', made).stdout)[2:]
    assert {(row[1], row[0], *row[2:]) for row in found} == {
        tuple(row) for row in as_in_the_file}
    assert (tmp_path / 'a.csv').read_text().startswith('attack,scheme,runs,')


def test_panels_stand_in_rows_by_all_their_axes_but_the_last(analyse,
                                                             tmp_path):
    _, sweep = sweep_in(tmp_path, SWEEP.partition('[grid')[0] + '''
[grid.q]
2.optimizer.lr = 0.1
4.optimizer.lr = 0.2
[grid.liars]
some.run.keep = 1
others.run.keep = 2
[grid.scheme]
aspis.scheme.name = "aspis"
[grid.attack]
none = {}
''')
    records.submit(sweep)
    for run in sweep.runs:
        make_up(run, 0.5)
    done = analyse('compare.py', sweep.folder, '--axes', 'attack', 'scheme',
                   '-o', tmp_path / 'a.svg')
    assert done.returncode == 0 and not done.stderr, done.stderr
    drawn = (tmp_path / 'a.svg').read_text()
    places = [drawn.index(f'>{q}, {liars}<') for q in '24'
              for liars in ('some', 'others')]
    assert places == sorted(places)


def test_a_sweep_file_is_as_good_as_its_folder(analyse, made, tmp_path):
    by_folder = analyse('compare.py', made, '-o', tmp_path / 'a.md')
    by_file = analyse('compare.py', tmp_path / 'small.toml', '--runs', made,
                      '-o', tmp_path / 'b.md')
    assert (by_folder.returncode, by_file.returncode) == (0, 0)
    assert (tmp_path / 'a.md').read_text() == (tmp_path / 'b.md').read_text()


def test_three_axes_have_panels_and_none_has_a_point(analyse, tmp_path):
    for number, grid in enumerate(('''
[grid.a]
x.optimizer.lr = 0.1
y.optimizer.lr = 0.2
[grid.b]
x.optimizer.momentum = 0.5
[grid.c]
x.run.keep = 1
y.run.keep = 2
''', '[grid.seed]\nkeys = ["run.seed"]\nvalues = [1, 2]\n')):
        folder = tmp_path / str(number)
        folder.mkdir()
        _, sweep = sweep_in(folder, SWEEP.partition('[grid')[0] + grid)
        records.submit(sweep)
        for run in sweep.runs:
            make_up(run, 0.5)
        done = analyse('compare.py', sweep.folder, '-o', folder / 'a.svg')
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert len(rows(done.stdout)) == 2 + (1 if number else 4)


def test_without_accuracy_the_loss_is_drawn(analyse, tmp_path):
    """Of real runs, whose measures are counted by hand here."""
    _, sweep = sweep_in(tmp_path)
    records.submit(sweep)
    for run in sweep.runs:
        assert simulate(run.record, out=run.log)[0] == 0
    done = analyse('compare.py', sweep.folder, '-o', tmp_path / 'a.svg')
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert b'>test loss<' in (tmp_path / 'a.svg').read_bytes()
    assert 'virtual clock, on which no time passed.' in done.stdout
    found = rows(done.stdout)[2:]
    # Every file on three workers, or on one; nothing else is computed.
    assert [row[5] for row in found] == ['3', '3', '1', '1']
    assert {row[3] for row in found} == {'–'}


def test_a_run_that_has_not_ended_does_not_count(made):
    sweep = load(made / 'sweep.toml')
    make_up(sweep.run(6), 0.5, steps=3)
    plain = collect(sweep).cells[2]
    assert (plain.measured, plain.runs) == (1, 2)
    assert plain.amounts['accuracy'].mean == 0.91


def test_what_does_not_count_says_why(analyse, made, tmp_path):
    """Runs of another job than the file's, and logs that are damaged."""
    other = tmp_path / 'other.toml'
    other.write_text(SWEEP.replace(
        'scheme.name = "uncoded"}',
        'scheme.name = "uncoded", aggregation.name = "median"}'))
    (made / 'aspis-none-2.h5').write_bytes(b'cut off')
    done = analyse('compare.py', other, '--runs', made)
    assert done.returncode == 0, done.stderr
    assert [row[2] for row in rows(done.stdout)[2:]] == [
        '1 of 2', '2', '0 of 2', '0 of 1']
    record = made / 'plain-none-1.toml'
    assert ('plain-none-1 does not count, since it is changed: '
            f"aggregation.name = 'median', but {record} has 'mean'\n") in (
        done.stdout)
    assert f'aspis-none-2 does not count, since it is partial: {made}' in (
        done.stdout)
    assert done.stdout.count('does not count') == 4

    other.write_text(SWEEP.replace('run.steps = 4', 'run.steps = 9'))
    done = analyse('compare.py', other, '--runs', made)
    assert done.returncode == 2
    assert done.stderr == (
        f'compare: {made} holds no run of {other} that has ended; '
        'aspis-none-1 is changed: run.steps = 9, but '
        f'{made / "aspis-none-1.toml"} has 4\n')


@pytest.mark.parametrize('words, reason', [
    (['no.toml'], 'no.toml: No such file'),
    (['.'], 'holds no sweep.toml'),
    (['small.toml', '--runs', 'none'], 'none holds no run of small.toml'),
    (['runs', '--axes', 'atack'], "--axes atack: there is no such axis to put "
     "first; did you mean 'attack'?"),
    (['runs', '-o', 'a.xyz'], 'xyz'), (['runs', '-o', 'no/a.md'], 'no/a.md'),
    (['runs', '-o', 'no/a.png'], 'no/a.png')])
def test_a_mistake_is_one_line(analyse, made, tmp_path, monkeypatch, words,
                               reason):
    monkeypatch.chdir(tmp_path)
    done = analyse('compare.py', *words)
    assert done.returncode == 2
    assert done.stderr.startswith('compare: ') and reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_without_runs_that_have_ended_is_said(tmp_path):
    _, sweep = sweep_in(tmp_path)
    with pytest.raises(RunLogError):
        collect(sweep)
