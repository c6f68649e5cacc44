"""The log of a run under spot checks that exposed a worker and went back."""

from pathlib import Path

import pytest
import tomli_w

from aspis_mpi import simulate, streams
from aspis_mpi.schemes.spot import inspection
from aspis_mpi.streams import Coins
from tests.support.spot_runs import liar, tables

#: From which step on worker 2 lies, in a run of so many steps.
BEGINS, STEPS = 20, 32


def went_back(folder, seed=1):
    """The log of a simulated run; what it draws in secret is seeded.

    Everything that came is in the log; only the tables of tensors, which a
    challenge cannot tell apart, are empty.
    """
    job = Path(folder, 'job.toml')
    job.write_text(tomli_w.dumps(tables(
        run={'steps': STEPS, 'seed': 3, 'evaluate_every': 8,
             'checkpoint_every': 4},
        problem={'name': 'digits', 'model': 'mlp', 'batch_size': 60},
        adversary=liar(BEGINS, workers=[2], scale=1.0),
        log={'detail': 'arrivals'})))
    draws = streams.generator(seed, 'coins').bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspection, 'Coins', lambda: Coins(draws))
        code, path = simulate(job, out=Path(folder, 'SPOT.h5'))
    if code:
        raise RuntimeError(f'the run ended with {code}')
    return path
