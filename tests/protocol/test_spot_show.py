"""Spot checks at a glance: `show` of a run, and what it counts."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.errors import DONE
from aspis_mpi.job import loading
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.schemes.record import DrawKind
from aspis_mpi.schemes.spot import inspection
from aspis_mpi.streams import Coins, generator
from tests.support.spot_runs import liar, tables

JOB = Path(__file__).parents[2] / 'jobs' / 'spot.toml'


@pytest.fixture
def done(tmp_path, monkeypatch):
    """Runs a job with some sections; the log."""
    monkeypatch.setattr(inspection, 'Coins', lambda: Coins(
        generator(5, 'coins').bytes))

    def run(**sections):
        _, path = simulate(loading.from_tables(tables(**sections)),
                           out=tmp_path / 'run.h5')
        return path
    return run


def row(printed, label):
    """What the row with a label says, in one line."""
    lines = printed.splitlines()
    first = next(place for place, line in enumerate(lines)
                 if line.startswith(label))
    found = [lines[first][10:]]
    for line in lines[first + 1:]:
        if not line.startswith(' ' * 10):
            break
        found.append(line.strip())
    return ' '.join(found)


def test_it_says_how_many_checks_there_were_and_what_they_find(done, capsys):
    """Q = 1: every check is by an honest worker, of one of two files."""
    path = done()
    assert main(['show', str(path)]) == 0
    printed = capsys.readouterr().out
    with load_run(path) as run:
        checked = int((run.steps['files_checked'] > 0).sum())
    assert 12 < checked < 60
    tenth, hundredth = (int(1000 * (1 - (1 - share) ** checked)) / 1000
                        for share in (0.1, 0.01))
    assert row(printed, 'checks') == (
        f'{7 * checked} files in {checked} of 60 steps; a liar would have '
        'been found by now with probability 1.000 if 100 % of its files are '
        f'wrong, {tenth:.3f} if 10 % are, {hundredth:.3f} if 1 % are; '
        'exposed: nobody')
    assert '14 files on 1 each' in row(printed, 'job')
    assert row(printed, 'transfer').endswith('60 of 60 steps exact')


def test_undone_checks_have_found_as_well(done, capsys):
    path = done(adversary=liar(20, value='reversed'))
    assert main(['show', str(path), '--json']) == 0
    told = json.loads(capsys.readouterr().out)['checks']
    with load_run(path) as run:
        draws = run.draws[run.draws['kind'] == DrawKind.CHECK]
        undone = set(draws['turn'][run.undone(draws)].tolist())
        exposed = np.flatnonzero(run.exposed.any(axis=0)).tolist()
        first = run.rollbacks[0].turn
    assert undone and told['undone'] == len(undone)
    # Nobody is left to be found, so nothing is checked any more.
    assert draws['turn'].max() < first
    assert told['turns'] == len(set(draws['turn'].tolist()))
    assert told['exposed'] == exposed and len(exposed) == 1
    assert main(['show', str(path)]) == 0
    assert (f"{len(undone)} more turns undone; a liar"
            in row(capsys.readouterr().out, 'checks'))


def test_colluding_checkers_make_it_less_likely(done):
    """Two liars of five workers check each other once in four times."""
    path = done(scheme={'name': 'spot', 'workers': 5, 'adversaries': 2})
    with load_run(path) as run:
        told = summarize(run).checks
    assert told.found[0].probability == pytest.approx(
        1 - 0.25 ** told.turns)
    json.dumps(asdict(told))


def test_other_rules_say_nothing_of_checks(tmp_path, capsys):
    job = tables() | {'scheme': {'name': 'uncoded', 'workers': 5}}
    for section in ('assignment', 'detection'):
        del job[section]
    _, path = simulate(loading.from_tables(job), out=tmp_path / 'run.h5')
    with load_run(path) as run:
        assert summarize(run).checks is None
        assert not len(run.draws)
    assert main(['show', str(path)]) == 0
    assert '\nchecks' not in capsys.readouterr().out


def test_the_job_of_the_repository_exposes_its_liars(tmp_path, monkeypatch):
    """Shorter, and looked at in every step, in which half is wrong."""
    monkeypatch.setattr(inspection, 'Coins', lambda: Coins(
        generator(6, 'coins').bytes))
    code, path = simulate(
        JOB, out=tmp_path / 'run.h5', settings=[
            'run.steps=12', 'detection.rate=1', 'adversary.rate=0.5'])
    with load_run(path) as run:
        assert code == DONE
        assert set(np.flatnonzero(run.exposed[-1])) == set(
            np.flatnonzero(run.adversaries.any(axis=0)))
        assert len(run.rollbacks) in (1, 2) and not run.wrong_files.any()
        assert run.evaluation['accuracy'][-1] > 0.5
