"""Seeds of any size: in streams, job files and run logs."""

import h5py
import numpy as np
import pytest

from aspis_mpi import JobError, load_run, simulate, streams
from aspis_mpi.job import loading

SEEDS = [0, 7, 2 ** 31, 2 ** 63 - 1, 2 ** 63, 2 ** 64 - 1, 2 ** 64, 2 ** 200,
         -1, -2 ** 63, -2 ** 63 - 1]

every_seed = pytest.mark.parametrize('seed', SEEDS)


@every_seed
def test_a_run_its_log_and_its_second_half_have_the_seed(tables, tmp_path,
                                                         seed):
    job = loading.from_tables(tables(run={'seed': seed}))
    path = tmp_path / 'run.h5'
    assert simulate(job, out=path)[0] == 0
    with load_run(path) as run:
        assert run.attrs['seed'] == seed and run.config['run']['seed'] == seed
    longer = loading.from_tables(tables(run={'seed': seed, 'steps': 5}))
    assert simulate(longer, out=path, resume=True)[0] == 0
    other = loading.from_tables(tables(run={'seed': seed + 1, 'steps': 5}))
    with pytest.raises(JobError, match='run.seed'):
        simulate(other, out=path, resume=True)


def test_seeds_of_64_bits_are_numbers_in_the_log(tables, tmp_path):
    kinds = []
    for seed in 7, 2 ** 63, 2 ** 64:
        path = tmp_path / f'{seed}.h5'
        simulate(loading.from_tables(tables(run={'seed': seed})), out=path)
        with h5py.File(path) as log:
            kinds.append(type(log.attrs['seed']))
    assert kinds == [np.int64, np.uint64, str]


def test_every_seed_is_another():
    drawn = {int(streams.generator(seed, 'samples').integers(2 ** 63))
             for seed in SEEDS}
    assert len(drawn) == len(SEEDS)


def test_the_bits_of_a_seed_stay():
    assert streams.generator(7, 'samples', 3).integers(
        2 ** 32, size=2).tolist() == [1157249728, 139827300]


def test_a_seed_with_more_digits_than_python_writes_is_told(tables):
    with pytest.raises(JobError, match='run.seed = .*cannot keep this: '
                       'Exceeds the limit') as refused:
        loading.from_tables(tables(run={'seed': 16 ** 5000}))
    assert '\n' not in str(refused.value)
