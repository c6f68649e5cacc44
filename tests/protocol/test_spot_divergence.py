"""Steps under spot checks whose numbers no training has."""

import numpy as np
import pytest

from aspis_mpi.errors import DONE, FAILED
from aspis_mpi.schemes.record import Cause
from tests.support.spot_runs import SpotRun, liar

#: Samples of one plane: a learning rate that is too large explodes.
EXPLODES = {'name': 'linear-regression', 'batch_size': 60, 'micro_batch': 4}


@pytest.fixture
def plane(monkeypatch):
    """Runs on a problem that can diverge."""
    def made(**sections):
        import tests.support.spot_runs as runs
        tables = runs.tables

        def other(**given):
            return tables(**given) | {'problem': EXPLODES}
        with monkeypatch.context() as patch:
            patch.setattr(runs, 'tables', other)
            return SpotRun(**sections)
    return made


def test_what_diverges_again_with_nobody_exposed_ends_the_run(plane):
    it = plane(optimizer={'lr': 1e8})
    assert it.code == FAILED and not it.exposed
    back, = it.rollbacks
    assert back.cause is Cause.NORM
    assert 'diverges again' in it.server.notes.events[-1].text
    # Every step that was done again was looked at.
    again = [record for record in it.records if record.turn >= back.turn]
    assert again and all(record.files_checked == 7 for record in again[:-1])


def test_sums_far_above_those_before_are_no_update(plane):
    it = plane(optimizer={'lr': 1.0})
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
