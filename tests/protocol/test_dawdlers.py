"""Liars that answer at any moment, in jobs of whatever goes together."""

import os

import numpy as np
import pytest

from aspis_mpi.errors import DONE
from aspis_mpi.schemes.record import Outcome
from tests.support.challenged_jobs import EVENTS, Mixture, assembled
from tests.support.dawdlers import Dawdling, Moods, some_job, some_lies

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
STEPS = 24 if THOROUGH else 6


@pytest.mark.parametrize('seed', range(500 if THOROUGH else 8))
def test_whenever_liars_answer_only_they_pay(seed):
    """No exception, no hang, nobody honest exposed or out of work."""
    rng = np.random.default_rng(seed)
    job, bad = some_job(rng, STEPS)
    protocols = {worker: Mixture(some_lies(rng), rng) for worker in bad}
    it = Dawdling(assembled(**job), Moods(rng, bad), bad, protocols,
                  events=STEPS * EVENTS)
    assert it.code == DONE, it.texts
    honest = np.isin(np.arange(len(it.last.late)), bad, invert=True)
    for record in it.records:
        assert not (record.exposed | record.excluded)[honest].any()
        assert record.verdict is not Outcome.CONTRADICTION
    check_charges(it.records)
    for record, wrong in zip(it.records, it.wrong_files()):
        used = np.count_nonzero((record.source >= 0)
                                | np.isin(record.source, [-3, -4]))
        assert not wrong or record.files_certified < used


def check_charges(records):
    """A second that a step lasts is paid for twice at most."""
    before = 0.0
    for record in records:
        charged = record.account - before
        assert (charged >= 0).all()
        assert charged.sum() <= 2 * record.seconds_step + 1e-9
        before = record.account
