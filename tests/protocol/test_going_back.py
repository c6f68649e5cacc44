"""A run that an exposure takes back, with its log and its checkpoints."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.assembly import outputs
from aspis_mpi.assembly.replay import Recorded
from aspis_mpi.errors import DONE
from aspis_mpi.report.trust import EXCLUDED
from aspis_mpi.runlog import archive
from aspis_mpi.runlog.checkpoints import (
    Checkpoints, facts_of, load, step_of)
from aspis_mpi.runlog.summary import print_summary
from aspis_mpi.runlog.totals import summarize
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Cause
from tests.support import undoing
from tests.support.limits import HANGS
from tests.support.resumed_runs import Killed, saved
from tests.support.undoing import BEGINS, STEPS, Countdown, written

ROOT = Path(__file__).parents[2]
#: More than there are acts of going back.
ACTS = 40
#: Points at which a process is killed, thoroughly or not.
KILLS = range(50) if os.environ.get('ASPIS_THOROUGH') else (3,)


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Draws that come again."""
    monkeypatch.setattr(undoing.inspection, 'Coins', None)
    undoing.seed_coins(6)


@pytest.fixture(scope='module')
def honest(tmp_path_factory):
    """The parameters that nobody has lied about, as bytes."""
    folder = tmp_path_factory.mktemp('honest')
    simulate(written(folder, lies=False), out=folder / 'run.h5')
    return saved(folder / 'run.h5').tobytes()


def expect_right(log, honest):
    """Right bits and whole rows, and nothing half-done; the rollbacks."""
    assert saved(log).tobytes() == honest
    with load_run(log) as run:
        assert run.steps['step'].tolist() == list(range(STEPS))
        assert run.evaluation['step'].tolist() == [0, 8, 16, 24, 32]
        assert (np.diff(run.steps['turn']) > 0).all()
        assert not run.wrong_files.any()
        assert run.exposures[-1].worker == 2
        for step in range(STEPS):
            arrivals = run.arrivals_of(step)
            assert set(arrivals['turn']) == {run.steps['turn'][step]}
            assert not run.undone(arrivals).any()
        backs = run.rollbacks
    kept = Checkpoints(log)
    assert not kept.notice.exists()
    assert not list(kept.folder.glob('.*')) + list(log.parent.glob('.*'))
    return backs


def test_an_exposure_takes_the_log_back(tmp_path, honest):
    log = tmp_path / 'run.h5'
    assert simulate(written(tmp_path), out=log)[0] == DONE
    it, = expect_right(log, honest)
    assert it.cause is Cause.EXPOSURE
    assert it.wrong == it.start - 1 - BEGINS > 0
    assert it.end in range(0, BEGINS, 4) and it.turn == it.start
    with load_run(log) as run:
        undone = run.undone(run.arrivals)
        assert set(run.arrivals['turn'][undone]) == set(
            range(it.end, it.turn))
        assert run.steps['turn'].tolist() == [
            *range(it.end), *range(it.turn, it.turn + STEPS - it.end)]
        assert any(event.code is EventCode.ROLLBACK for event in run.events)


def test_people_are_told(tmp_path, honest, monkeypatch, capsys):
    """How often and how far, and the proof, which is of an undone step."""
    log = tmp_path / 'run.h5'
    simulate(written(tmp_path), out=log)
    with load_run(log) as run:
        it, = run.rollbacks
        monkeypatch.syspath_prepend(ROOT / 'analysis')
        trust = import_module('trust').trust_of(run)
        figures = summarize(run).undone
    assert (figures.times, figures.steps, figures.wrong) == (
        1, it.undone, it.wrong)
    assert f'undone    went back once: {it.undone} steps undone' in (
        show(log, capsys))
    exposure, = trust.exposures
    assert (exposure.worker, exposure.step) == (2, it.end)
    assert f'step {it.start - 1}: worker 2' in exposure.sentence
    told, = import_module('trust')._tell_rollbacks(trust)
    assert told.startswith(f'went back from step {it.start} to step {it.end}')
    assert (trust.states[2, it.end:] == EXCLUDED).all()
    import_module('trust')._draw(trust, tmp_path / 'trust.svg')
    assert 'went back to here' in (tmp_path / 'trust.svg').read_text()
    # Each time is told, and those by hand are.
    simulate(tmp_path / 'job.toml', out=log, resume=True, from_step=29)
    with load_run(log) as run:
        assert [one.cause.word for one in run.rollbacks] == [
            'exposure', 'hand']
    assert f'went back 2 times, 1 by hand: {it.undone + 4} steps' in (
        show(log, capsys))
    with pytest.raises(JobError, match='sent back .* by --from-step'):
        Recorded(log)


def show(log, capsys):
    """What `show` says, without line ends."""
    capsys.readouterr()
    print_summary(log)
    return re.sub(r'\n +', ' ', capsys.readouterr().out)


def test_killed_at_any_point_it_is_finished(tmp_path, honest, monkeypatch):
    """Before its checkpoint is written nothing has happened, and the liar
    is exposed once more."""
    found = []
    for left in range(ACTS):
        folder = tmp_path / f'{left}'
        folder.mkdir()
        job, log = written(folder), folder / 'run.h5'
        with monkeypatch.context() as patched:
            Countdown(left, _die).install(patched.setattr)
            try:
                simulate(job, out=log)
                break
            except Killed:
                pass
        assert simulate(job, out=log, resume=True)[0] == DONE
        found.append(len(expect_right(log, honest)))
    assert 12 < left < ACTS - 1
    assert set(found) == {1}


def _die():
    raise Killed


@pytest.mark.parametrize('kill', KILLS)
def test_a_process_that_is_killed(kill, tmp_path, honest):
    job, log = written(tmp_path), tmp_path / 'run.h5'
    run = subprocess.run(
        [sys.executable, '-m', 'tests.support.undoing', str(job), str(log),
         str(kill % 16), str(kill)], cwd=ROOT, capture_output=True,
        env=os.environ | {'PYTHONPATH': str(ROOT)}, timeout=HANGS)
    assert run.returncode == -9, run.stderr
    assert simulate(job, out=log, resume=True)[0] == DONE
    assert len(expect_right(log, honest)) == 1


@pytest.mark.parametrize('later', [True, False])
def test_without_room_for_the_new_checkpoint_the_old_one_stays(
        tmp_path, honest, monkeypatch, later):
    """It knows less of workers, but its parameters are right.

    Unless there is room `later`, without those of the undone steps.
    """
    log, replace, tried, known = tmp_path / 'run.h5', archive.replace, [], []

    def full(path, write):
        again = bool(tried)
        tried.clear()
        if path.name == 'going-back.json':
            tried.append(path)
        if tried or again and not later:
            raise OSError(28, 'no space')
        replace(path, write)
        if again:
            known.append((step_of(path), load(path).members.evidence))
    monkeypatch.setattr(archive, 'replace', full)
    assert simulate(written(tmp_path), out=log)[0] == DONE
    back, = expect_right(log, honest)
    with load_run(log) as run:
        assert any('no space' in event.text for event in run.events) != later
    assert [step for step, _ in known] == [back.end] * later
    assert all(evidence for _, evidence in known)


def test_checkpoints_are_kept_as_long_as_a_run_may_go_back(tmp_path):
    log = tmp_path / 'run.h5'
    simulate(written(tmp_path, lies=False), out=log)
    kept = Checkpoints(log)
    found = [facts_of(file) for file in reversed(kept.paths())]
    steps, made = ([facts[name] for facts in found]
                   for name in ('step', 'made'))
    assert steps[0] == 0 and steps[-1] == STEPS
    # The newest one that is 19 turns old, and from there on no wide gap.
    ripe = [age <= found[-1]['age'] - 19 for age in made]
    assert sum(ripe) == 2 and len(steps) > 5
    assert (np.diff(steps[1:]) <= 5).all() and (np.diff(made) >= 4).all()


def test_refused_where_they_have_no_room(tmp_path, monkeypatch):
    class Full:
        free = 700
    monkeypatch.setattr(outputs.shutil, 'disk_usage', lambda _: Full)
    with pytest.raises(JobError, match=(
            'run.checkpoints: up to [0-9]+ checkpoints of [0-9,]+ bytes, '
            '[0-9,]+ in all, .* but 700 bytes are free .*--out')):
        simulate(written(tmp_path), out=tmp_path / 'run.h5')
    assert not (tmp_path / 'run.h5').exists()
