"""Steps under spot checks whose numbers no training has."""

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from aspis_mpi.backends.signals import Signals
from aspis_mpi.errors import DONE, FAILED, INTERRUPTED
from aspis_mpi.job import loading
from aspis_mpi.schemes.record import Cause, Outcome
from tests.support.spot_bench import SpotBench
from tests.support.spot_runs import SpotRun, liar, tables

#: Samples of one plane: a learning rate that is too large explodes.
EXPLODES = {'name': 'linear-regression', 'batch_size': 60, 'micro_batch': 4}


class Plane(SpotRun):
    """A run on a problem that can diverge."""

    @staticmethod
    def tables(**sections):
        """The small job with another problem."""
        return tables(**sections) | {'problem': EXPLODES}


def test_what_diverges_again_with_nobody_exposed_ends_the_run():
    it = Plane(optimizer={'lr': 1e8})
    assert it.code == FAILED and not it.exposed
    back, = it.rollbacks
    assert back.cause is Cause.NORM
    assert 'diverges again' in it.server.notes.events[-1].text
    # Every step that was done again was looked at.
    again = [record for record in it.records if record.turn >= back.turn]
    assert again and all(record.files_checked == 7 for record in again[:-1])


def test_so_it_is_where_the_run_was_stopped_in_between(tmp_path,
                                                       monkeypatch):
    """It neither goes back once more nor forgets to look at each step."""
    job = loading.from_tables(tables(
        optimizer={'lr': 1e8}, detection={'rate': 0.01, 'first': 0})
        | {'problem': EXPLODES}, 'job.toml')
    stopped = 0
    for at in range(20, 400, 20):
        log, seen = tmp_path / f'{at}.h5', [0]

        def taken(self):
            seen[0] += 1
            return int(seen[0] == at)
        with monkeypatch.context() as patch:
            patch.setattr(Signals, 'taken', taken)
            patch.setattr(Signals, 'name', 'SIGUSR1')
            if simulate(job, out=log)[0] != INTERRUPTED:
                break
        with load_run(log) as run:
            stopped += bool(run.rollbacks)
        assert simulate(job, out=log, resume=True)[0] == FAILED
        with load_run(log) as run:
            back, = run.rollbacks
            checked = run.steps['files_checked'][run.steps['turn']
                                                 >= back.turn]
            assert back.cause is Cause.NORM and (checked[:-1] == 7).all()
    assert stopped > 1


def test_sums_far_above_those_before_are_no_update():
    it = Plane(optimizer={'lr': 1.0})
    assert {back.cause for back in it.rollbacks} == {Cause.NORM}
    assert not it.exposed


def test_one_liar_does_not_make_it_diverge():
    """Numbers that are not finite expose who sends them, at once."""
    it = SpotRun(adversary=liar(20, value='nan'))
    plain = SpotRun()
    assert it.code == plain.code == DONE
    assert [(back.cause, back.start) for back in it.rollbacks] == [
        (Cause.EXPOSURE, 21)]
    assert np.array_equal(it.values, plain.values)


@pytest.mark.parametrize('lr', [0.05, 0.1])
def test_the_larger_sums_of_the_beginning_are_no_divergence(lr):
    """Where a late exposure takes a run back to it."""
    keys = {'run': {'steps': 400, 'checkpoint_every': 200},
            'optimizer': {'lr': lr, 'momentum': 0.0},
            'detection': {'rate': 0.01, 'first': 0}}
    it = Plane(adversary=liar(390, workers=[2], scale=1.0), **keys)
    plain = Plane(**keys)
    norms = [record.gradient_norm for record in plain.records]
    assert norms[0] > 100 * np.median(norms)
    assert it.code == DONE and it.exposed == {2}
    assert [(back.cause, back.end) for back in it.rollbacks] == [
        (Cause.EXPOSURE, 0)]
    # Others have its files, and add them up in another order.
    assert np.allclose(it.values, plain.values, rtol=1e-4)


def test_liars_that_are_half_of_those_left_do_not_make_it_diverge():
    """Nor by sums that are tiny for a while, and then as others are."""
    it = SpotBench(detection={'rate': 1e-15, 'first': 0},
                   run={'steps': 60, 'checkpoint_every': 0},
                   scheme={'workers': 5, 'adversaries': 2},
                   faults={'tolerate': 2})
    for worker in (3, 4):
        it.lose(worker)
    for turn in range(30):
        rights = [it.right(file) for liar in (0, 1)
                  for file in it.owned(liar)]
        files = [(liar, file) for liar in (0, 1) for file in it.owned(liar)]
        it.lies = {key: -np.float32(1 - 1e-6) * right
                   for key, right in zip(files, rights)} if turn < 12 else {}
        it.play()
        assert it.last.verdict is not Outcome.CONTRADICTION
    assert it.server.exit_code is None
