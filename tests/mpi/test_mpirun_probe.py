"""The start-up probe between real processes."""

from pathlib import Path

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.schemes.record import Outcome
from tests.support.mpirun import RANK, prefix, rows_of
from tests.support.patience import events_of, patiently

KEYS = {'problem.name': 'mine:Problem', 'problem.parameters': 500,
        'run.steps': 4, 'detection.name': 'certified'}

#: Some ranks compute other bits.
ODD = '''
    def gradient(self, parameters, samples, out):
        before = out.copy()
        super().gradient(parameters, samples, out)
        if RANK in {ranks}:
            out += (out - before) * {size}
'''

#: Some ranks compute other bits of files of three; 16 of four come first.
ODD_SIZE = '''
    def gradient(self, parameters, samples, out):
        super().gradient(parameters, samples, out)
        if RANK in (1, 3, 4) and len(samples) == 3:
            out *= 1.0001
'''

#: Files of 3 and of 4 samples; kernels for AVX2 and for AVX-512 agree on 4.
MIXED = {'run.steps': 6, 'problem.name': 'linear-regression',
         'problem.samples': 2000, 'problem.parameters': None,
         'problem.batch_size': 35,
         'problem.micro_batch': None, 'optimizer.lr': 0.01}

#: Python with other kernels of OpenBLAS on every other rank.
KERNELS = '''#!/bin/bash
kinds=(SkylakeX Haswell)
export OPENBLAS_CORETYPE=${{kinds[$(({variable} % 2))]}}
exec {python} "$@"
'''

#: One rank does not come back from its first file before a step is done.
STUCK = '''
    def gradient(self, parameters, samples, out):
        while RANK == 2 and os.path.exists('stuck'):
            time.sleep(0.01)
        super().gradient(parameters, samples, out)
'''


#: Jobs on ranks of which four compute other bits.
DIFFERENT = {
    'bits': KEYS, 'tolerance': KEYS | {'detection.equality': 'tolerance'},
    'below the noise': KEYS | {'detection.equality': 'tolerance',
                               'detection.tolerance': 1e-7}}


@pytest.fixture
def different(series, module):
    """What came of these jobs."""
    module(ODD.format(ranks=(1, 3, 4, 5), size=1e-5))
    return series(6, DIFFERENT)


def test_bits_are_refused_on_machines_that_differ(different):
    assert different.codes['bits'] == 2
    line, = [line for line in different.ended.err.splitlines()
             if "set detection.equality = 'tolerance'" in line]
    assert '4 workers compute other bits than the server' in line
    with load_run(different.logs['bits']) as run:
        assert run.n_steps == 0


def test_bits_are_refused_if_they_differ_for_one_size_of_files(
        mpi, module, job, launch, folder):
    module(ODD_SIZE)
    keys = {'problem.batch_size': 121, 'problem.micro_batch': None}
    ended = launch(mpi, 8, 'run', job(KEYS | keys), '--out',
                   folder / 'run.h5')
    assert ended.code == 2, ended.err
    assert '3 workers compute other bits than the server' in ended.err


#: Jobs on ranks of which half have other kernels.
KERNELS_OF_TWO = {
    'bits': MIXED, 'tolerance': MIXED | {'detection.equality': 'tolerance'}}


@pytest.fixture
def mixed(mpi, series, folder):
    """What came of these jobs on six ranks, of which three are odd."""
    if 'avx512bw' not in Path('/proc/cpuinfo').read_text():
        pytest.skip('this processor has only one of the kinds of kernels')
    python = folder / 'mixed'
    python.write_text(KERNELS.format(variable=RANK[mpi], python=(
        prefix(mpi) / 'bin' / 'python')))
    python.chmod(0o755)
    return series(6, KERNELS_OF_TWO, python=python)


def test_kernels_for_other_processors_are_found(mixed):
    """Six ranks, and not one step."""
    assert mixed.codes['bits'] == 2
    assert '3 workers compute other bits than the server' in mixed.ended.err
    with load_run(mixed.logs['bits']) as run:
        assert run.n_steps == 0


def test_kernels_for_other_processors_train_within_a_tolerance(mixed):
    assert mixed.codes['tolerance'] == 0
    with load_run(mixed.logs['tolerance']) as run:
        assert run.n_steps == MIXED['run.steps']
        assert (run.steps['verdict'] == Outcome.CLEAN).all()
        assert not run.flagged.any()
        assert not run.disagreements.any()


def test_with_a_tolerance_they_train_and_nobody_is_exposed(different):
    assert different.codes['tolerance'] == 0
    with load_run(different.logs['tolerance']) as run:
        assert run.n_steps == 4 and not run.exposed.any()
        assert 'support each other up to' in events_of(run)[0].text
        # Two files of equal workers are closer than any of others.
        assert 1e-6 < np.nanmax(run.margin[:, 0]) < 1e-4


def test_a_tolerance_below_the_noise_is_refused(different):
    assert different.codes['below the noise'] == 2
    assert 'detection.tolerance = 1e-07' in different.ended.err


def test_a_few_that_differ_are_taken_for_liars(mpi, module, job, launch,
                                               folder):
    module(ODD.format(ranks=(2,), size=1e-5))
    log = folder / 'run.h5'
    ended = launch(mpi, 6, 'run', job(KEYS), '--out', log)
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert run.exposed[-1].tolist() == [False, True] + 3 * [False]
        assert 'workers 1 compute other bits' in events_of(run)[0].text


def test_a_rank_that_does_not_answer_is_left_out(mpi, module, job, start,
                                                 folder):
    module(STUCK)
    path, log, stuck = job(KEYS), folder / 'run.h5', folder / 'stuck'

    def once(silence):
        stuck.touch()
        log.unlink(missing_ok=True)
        running = start(mpi, 6, 'run', path, '--out', log, '--overwrite',
                        '--set', f'faults.silence={silence}')
        # Where more seem silent than may be, it ends without a step.
        running.wait_until(lambda: running.over or rows_of(log) > 0,
                           lambda: f'row of {log}')
        stuck.unlink()
        return running.wait(), log
    ended, log, silence = patiently(once, meant=1)
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert any(f'worker 1 was silent for {silence:g} s in the start-up '
                   'probe' in event.text for event in run.events)
        # It pays for that, and for the step in which it is silent, too.
        assert run.account[0, 1] > silence
        assert not np.delete(run.account[0], 1).any()
