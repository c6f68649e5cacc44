"""Tables of attacks: runs that are kept, and what a page says of them."""

import tomllib
from dataclasses import replace
from functools import cache

import pytest

from aspis_mpi.job import loading
from experiments.attacks.digits import Digits
from experiments.attacks.grid import SEEDS, Run
from experiments.attacks.mnist import LITTLE, Mnist
from experiments.attacks.report import CALM
from experiments.attacks.results import Result
from experiments.attacks.table import HERE, MPI, SIMULATED, TABLES, Runs
from tests.support.image_files import in_place_of_shipped, prepared_once

#: A run with 4 files, so a quick one, in which a liar is found.
SMALL = Run('certified', 'median-of-means', 'ATT-1', 'constant', workers=4)


@pytest.fixture
def job(tmp_path):
    """The job of MNIST, on a few made images and for two steps."""
    path, text = tmp_path / 'small.toml', (HERE / Mnist.job).read_text()
    for old, new in (('steps = 200', 'steps = 2'),
                     ('batch_size = 910', 'batch_size = 8'),
                     ('"mnist-5k"', f'"{prepared_once("mnist")}"')):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def test_a_run_that_is_there_is_kept(job, tmp_path):
    runs = Runs(job, tmp_path / 'runs')
    assert not runs.results([SMALL], SIMULATED)
    runs.simulate([SMALL], processes=1, fresh=False)
    log = tmp_path / 'runs' / f'{SMALL.name}-{SIMULATED}.h5'
    first = log.stat().st_mtime_ns
    runs.simulate([SMALL], processes=1, fresh=False)
    assert log.stat().st_mtime_ns == first
    it = runs.results([SMALL], SIMULATED)[SMALL]
    assert it.steps == 2 and not it.diverged and it.found == 1
    assert it.replication == 3 and it.bytes_in > 12 * 61_706 * 4
    assert 0 < it.seconds < 100
    assert not runs.results([SMALL], MPI)
    # Those of a job that has changed since do not count.
    job.write_text(job.read_text().replace('lr = 0.02', 'lr = 0.03'))
    assert not runs.results([SMALL], SIMULATED)


@cache
def config(job, cell):
    """The complete job of a cell's first run, as a log has it."""
    told = loading.load(job, (*cell.settings, *in_place_of_shipped(job)))
    return tomllib.loads(told.to_toml())


def made_up(table, run):
    """A result that no run had."""
    return Result(
        config=config(HERE / table.job, replace(run, seed=SEEDS[0])),
        accuracy=90.0, late=(90.0,), loss=1.0, steps=200, stopped=False,
        wrong_files=(0,), found=1.0, accused=0, replication=3.0, audits=10.0,
        bytes_in=337e6, seconds=100.0, parameters=b'right')


@pytest.fixture(scope='module')
def results():
    """Results of all runs on MNIST, of which a plain mean does not survive."""
    found = {run: made_up(Mnist, run) for run in Mnist.grid.simulated}
    for run in found:
        if run.scheme == 'uncoded' and run.value and run.value != LITTLE.value:
            found[run] = replace(found[run], accuracy=10.0 + run.seed,
                                 late=(9.0,), parameters=b'wrong')
    return found


def rows(text, *beginning):
    """Cells of the rows of a page that begin so."""
    cells = [[cell.strip() for cell in line.strip('|').split('|')]
             for line in text.splitlines() if line.startswith('|')]
    return [row for row in cells if row[:len(beginning)] == list(beginning)]


def test_the_page_of_mnist(results):
    marked = {run: results[run] for run in Mnist.grid.marked}
    text = Mnist(results, marked).text()
    plain, = rows(text, 'uncoded', 'mean', '100 %')
    assert plain[4:8] == ['90.0 (90.0–90.0)'] + ['12.0 (11.0–13.0)'] * 3
    assert plain[-1] == '78.0'
    # It is prepared for others than those that it has found.
    for scheme, name, times in (('aspis', 'mean (all found)', 1),
                                ('certified-fixed', 'mean (all found)', 1),
                                ('certified', 'median-of-means', 3)):
        found = rows(text, scheme, name)
        assert len(found) == times
        assert all(row[4:8] == 4 * ['90.0 (90.0–90.0)'] for row in found
                   if len(row) > 9)
    costs, = rows(text, 'certified + median-of-means', 'ATT-2')
    assert costs[2:] == ['3', '10.000', '337.0', '0.50']
    assert ('`certified` under ATT-2 1; `certified` under both 1.'
            in ' '.join(text.split()))
    assert [row[-1] for row in rows(text) if row[-1].startswith('equal')] == (
        len(marked) * ['equal bits'])


def test_what_must_hold_on_mnist(results):
    assert all(it.holds for it in Mnist(results, {}).conditions())
    for run, what in (
            (Run('certified', 'median-of-means', 'ATT-2', 'reversed', 2),
             {'parameters': b'wrong'}),
            (Run('certified', 'median-of-means', 'ATT-1', 'constant', 1),
             {'wrong_files': (0, 1)}),
            (Run('aspis', 'median-of-means', 'ATT-1', 'constant', 3),
             {'found': 2 / 3}),
            (CALM, {'accuracy': 60.0})):
        worse = results | {run: replace(results[run], **what)}
        assert not all(it.holds for it in Mnist(worse, {}).conditions()), run


@pytest.mark.parametrize('table', TABLES.values())
def test_all_runs_have_logs_of_their_own(table):
    runs = table.grid.simulated
    assert len({run.name for run in runs}) == len(set(runs)) == len(runs)
    assert set(table.grid.marked) <= set(runs)
    assert all(replace(run, seed=seed) in runs
               for run in table.grid.attacked for seed in SEEDS)


def test_the_page_of_digits_tells_what_ends_alike():
    results = {run: made_up(Digits, run) for run in Digits.grid.simulated}
    other = Run('core', 'mean', 'ATT-2', 'foe', 2)
    results[other] = replace(results[other], parameters=b'wrong')
    text = ' '.join(Digits(results, {}).text().split())
    assert ('equal bits in all runs here: median, median-of-means, '
            'trimmed-mean, geometric-median.') in text
