"""What a problem keeps from call to call shows in `simulate` as under MPI."""

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from tests.support.mpirun import parameters

#: With and without a start-up probe, which rank 0 takes part in.
SCHEMES = {'aspis': 2, 'uncoded': 0}


#: Every problem with every scheme.
JOBS = {(problem, scheme): {
    'problem.name': f'tests.support.running_statistics:{problem}',
    'problem.parameters': None, 'problem.batch_size': 20,
    'run.evaluate_every': 2, 'scheme.name': scheme,
    'scheme.adversaries': SCHEMES[scheme]}
    for problem in ('Normed', 'Drifting') for scheme in SCHEMES}


@pytest.fixture
def runs(series, job, folder):
    """Logs of a job under MPI, simulated, and simulated separately."""
    def run(*name):
        done, path = series(6, JOBS), job(JOBS[name])
        simulated = [simulate(
            path, settings=['scheme.workers=5'], separate=separate,
            out=folder / f'{separate}.h5') for separate in (False, True)]
        assert simulated[1][0] == done.codes[name], done.ended.err
        return done.logs[name], *(there for _, there in simulated)
    return run


def evaluated(log):
    with load_run(log) as run:
        return np.concatenate([run.evaluation['loss'], run.steps['loss']])


def decided(log):
    with load_run(log) as run:
        return [run.steps['verdict'].tobytes(), *(
            run.read(kind).tobytes()
            for kind in ('disagreements', 'flagged', 'source'))]


@pytest.mark.parametrize('scheme', SCHEMES)
def test_running_statistics_are_evaluated_as_under_mpi(runs, scheme):
    mpi, together, separate = runs('Normed', scheme)
    for simulated in together, separate:
        np.testing.assert_array_equal(evaluated(simulated), evaluated(mpi))
        assert parameters(simulated).tobytes() == parameters(mpi).tobytes()


@pytest.mark.parametrize('scheme', SCHEMES)
def test_separate_workers_have_the_bits_of_ranks(runs, scheme):
    mpi, together, separate = runs('Drifting', scheme)
    assert parameters(separate).tobytes() == parameters(mpi).tobytes()
    assert decided(separate) == decided(mpi)
    assert parameters(together).tobytes() != parameters(mpi).tobytes()
