"""Whatever liars do under spot checks, no honest worker is exposed."""

import os
from collections import Counter

import numpy as np
import pytest

from tests.support.spot_storm import Storm

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
RUNS, PARTS = (10_000, 100) if THOROUGH else (40, 4)


@pytest.mark.parametrize('part', range(PARTS))
def test_random_hostile_runs(part):
    """Each turn is judged by the `Storm`; here, that something happened."""
    sent, exposed, back = Counter(), 0, 0
    for seed in range(part, RUNS, PARTS):
        it = Storm(np.random.default_rng([16, seed]))
        it.run()
        sent += it.sent
        exposed += len(it.server.notes.exposures)
        back += len(it.server.notes.rollbacks)
    assert len(sent) >= 7 and exposed and back
