"""What a problem keeps from call to call shows in `simulate` as under MPI."""

import numpy as np
import pytest

from aspis_mpi import load_run, simulate
from tests.support.mpirun import parameters

#: With and without a start-up probe, which rank 0 takes part in.
SCHEMES = {'aspis': 2, 'uncoded': 0}


@pytest.fixture
def runs(mpi, job, launch, folder):
    """Logs of a job under MPI, simulated, and simulated separately."""
    def run(problem, scheme):
        path = job({
            'problem.name': f'tests.support.running_statistics:{problem}',
            'problem.parameters': None, 'problem.batch_size': 20,
            'run.evaluate_every': 2, 'scheme.name': scheme,
            'scheme.adversaries': SCHEMES[scheme]})
        log = folder / 'run.h5'
        ended = launch(mpi, 6, 'run', path, '--out', log)
        simulated = [simulate(
            path, settings=['scheme.workers=5'], separate=separate,
            out=folder / f'{separate}.h5') for separate in (False, True)]
        assert simulated[1][0] == ended.code, ended.err
        return log, *(there for _, there in simulated)
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
