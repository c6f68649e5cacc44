"""A run that goes back to an earlier step by hand, and goes on from there."""

import shutil

import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate
from aspis_mpi.__main__ import main
from aspis_mpi.errors import BAD_JOB, DONE
from aspis_mpi.runlog import going_back
from aspis_mpi.runlog.checkpoints import Checkpoints, load, step_of
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Cause
from tests.support.resumed_runs import STEPS, Killed, saved, written

EVERY = 4
#: Workers 1 and 4 are exposed at once; the evidence counts for ever.
KEYS = {'scheme.name': 'robust-partial', 'scheme.adversaries': 1,
        'detection.budget': 'fixed', 'detection.memory': 'forever',
        'adversary.count': 1, 'adversary.workers': [4],
        'adversary.files': 'all', 'assignment.reorder': 3,
        'delay.name': 'exponential', 'run.checkpoint_every': EVERY,
        'run.keep': 9}


@pytest.fixture(scope='module')
def done(tmp_path_factory):
    """A run that has come to its end."""
    folder = tmp_path_factory.mktemp('done')
    assert simulate(written(folder, KEYS), out=folder / 'run.h5')[0] == DONE
    return folder


@pytest.fixture
def log(done, tmp_path):
    """A copy of it."""
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    return tmp_path / 'run.h5'


def back(log, step, **options):
    return simulate(log.with_name('job.toml'), out=log, resume=True,
                    from_step=step, **options)


def steps_of(paths):
    return sorted(map(step_of, paths))


def test_it_goes_on_from_the_newest_checkpoint_at_or_before(log, done):
    assert back(log, 11) == (DONE, log)
    with load_run(log) as run:
        assert run.steps['step'].tolist() == list(range(STEPS))
        it, = run.rollbacks
        assert (it.turn, it.start, it.end, it.cause) == (
            STEPS, STEPS, 8, Cause.HAND)
        # What was known of workers is known in the steps that are undone.
        assert run.steps['turn'].tolist() == [
            *range(8), *range(STEPS, 2 * STEPS - 8)]
        assert run.excluded[8:, 4].all()
        assert any(event.code is EventCode.ROLLBACK
                   and 'from step 24 to step 8' in event.text
                   for event in run.events)
        assert run.evaluation['step'].tolist() == list(range(STEPS + 1))
    # The exact problem forgets no bit of an honest step.
    assert saved(log).tobytes() == saved(done / 'run.h5').tobytes()


def test_later_checkpoints_are_put_away(log):
    back(log, 11, settings=['run.steps=14'])
    kept = Checkpoints(log)
    assert steps_of(kept.paths()) == [4, 8, 12, 14]
    assert steps_of(kept.undone.iterdir()) == [12, 16, 20, 24]
    back(log, 12, settings=['run.steps=14'])
    assert len(list(kept.undone.iterdir())) == 5
    assert not kept.notice.exists()
    simulate(log.with_name('job.toml'), out=log, overwrite=True)
    assert not kept.undone.exists()


def test_arrivals_of_undone_turns_stay(log, done):
    back(log, 11)
    with load_run(log) as run, load_run(done / 'run.h5') as before:
        undone = run.undone(run.arrivals)
        assert run.arrivals[:len(before.arrivals)].tobytes() == (
            before.arrivals.tobytes())
        assert (run.arrivals['step'][undone] >= 8).all()
        for step in (7, 8, STEPS - 1):
            turn = run.steps['turn'][step]
            assert set(run.arrivals_of(step)['turn']) == {turn}
            np.testing.assert_array_equal(
                run.order_at(step).shape, before.order_at(step).shape)


def test_the_order_of_computing_is_told(log):
    """Workers go on in the order in which they were computing.

    They get another one in each third turn, not in turn 20.
    """
    newest, before, *_ = Checkpoints(log).paths()
    newest.unlink()
    order = load(before).members.order
    with load_run(log) as run:
        assert (run.order_at(8) != order).any()
    back(log, 8, settings=['run.steps=9'])
    with load_run(log) as run:
        np.testing.assert_array_equal(run.order_at(8), order)


@pytest.mark.parametrize('step', [30, 24])
def test_without_anything_to_undo_it_only_goes_on(step, log):
    steps = f'run.steps={STEPS + 2}'
    assert back(log, step, settings=[steps])[0] == DONE
    with load_run(log) as run:
        assert run.n_steps == STEPS + 2 and not run.rollbacks


def test_refused_without_a_checkpoint(log, capsys):
    with pytest.raises(JobError, match=(
            r'--from-step 3: .*run.checkpoints has no checkpoint of so many '
            'steps or fewer, but of 4, 8, 12, 16, 20, 24')):
        back(log, 3)
    with pytest.raises(JobError, match='only with --resume'):
        simulate(log.with_name('job.toml'), out=log, from_step=3)
    with pytest.raises(JobError, match='there is no run log'):
        back(log.with_name('other.h5'), 3)
    path = str(log.with_name('job.toml'))
    assert main(['simulate', path, '--out', str(log), '--resume',
                 '--from-step', '3']) == BAD_JOB
    assert 'but of 4, 8' in capsys.readouterr().err


def test_steps_past_the_newest_checkpoint_are_undone_as_well(log):
    """A kill came before another checkpoint."""
    for file in Checkpoints(log).after(16):
        file.unlink()
    back(log, 8)
    with load_run(log) as run:
        it, = run.rollbacks
        assert (it.turn, it.start, it.end, it.undone) == (16, 24, 8, 16)
        assert run.arrivals['turn'].max() == 16 + STEPS - 8 - 1
        assert run.steps['turn'].tolist() == [
            *range(8), *range(16, 16 + STEPS - 8)]


def test_other_workers_go_on_in_a_log_of_their_own(log):
    back(log, 11, settings=['scheme.workers=5'])
    with load_run(log) as run:
        assert [part.n_steps for part in run.parts] == [8, STEPS - 8]
        assert run.steps['step'].tolist() == list(range(STEPS))
        it, = run.rollbacks
        assert (it.start, it.end) == (STEPS, 8)
    # Back into the first part, with the workers of the second.
    back(log, 4, settings=['scheme.workers=5'])
    with load_run(log) as run:
        assert [part.n_steps for part in run.parts] == [4, STEPS - 4]
        assert [it.end for it in run.rollbacks] == [8, 4]


@pytest.mark.parametrize('point', ['write', 'drop', 'copy', 'end'])
def test_killed_half_way_it_is_finished(point, log, done, monkeypatch):
    """Before the checkpoint is written nothing has happened."""
    _kill_at(monkeypatch, point)
    with pytest.raises(Killed):
        back(log, 11)
    monkeypatch.undo()
    assert simulate(log.with_name('job.toml'), out=log,
                    resume=True) == (DONE, log)
    gone_back = point != 'write'
    with load_run(log) as run:
        assert [it.end for it in run.rollbacks] == [8] * gone_back
        assert run.steps['step'].tolist() == list(range(STEPS))
        assert (run.steps['turn'][8] > 8) == gone_back
    kept = Checkpoints(log)
    assert kept.undone.exists() == gone_back
    assert gone_back or not kept.notice.exists() or not going_back.begun(kept)
    assert saved(log).tobytes() == saved(done / 'run.h5').tobytes()


def test_killed_half_way_and_sent_back_further(log, monkeypatch):
    _kill_at(monkeypatch, 'copy')
    with pytest.raises(Killed):
        back(log, 11)
    monkeypatch.undo()
    back(log, 5)
    with load_run(log) as run:
        assert [it.end for it in run.rollbacks] == [8, 4]
        assert run.steps['step'].tolist() == list(range(STEPS))


def _kill_at(monkeypatch, point):
    """Die when a part of going back begins, or amid the removals."""
    def die(*_, **__):
        raise Killed
    if point == 'write':
        monkeypatch.setattr(Checkpoints, 'write', die)
    elif point == 'copy':
        monkeypatch.setattr('aspis_mpi.runlog.writer.copy', die)
    else:
        monkeypatch.setattr(going_back, point, die)


def test_the_newest_evidence_stays_with_older_parameters(log):
    """As the checkpoint says that it is written again with."""
    kept = Checkpoints(log)
    newest, older = (load(kept.folder / f'step-{step:08d}.npz')
                     for step in (24, 8))
    back(log, 8, check=True)
    assert load(kept.paths()[0]).step == 24
    back(log, 8, settings=['run.steps=9', 'run.checkpoint_every=100'])
    mixed = load(kept.folder / 'step-00000008.npz')
    assert mixed.parameters.tobytes() == older.parameters.tobytes()
    assert (mixed.step, mixed.made, mixed.floor) == (
        8, older.made, older.floor)
    assert mixed.members.evidence == newest.members.evidence
    assert mixed.members.turn == newest.members.turn
    assert mixed.seconds == newest.seconds
    assert mixed.members.equality == newest.members.equality
