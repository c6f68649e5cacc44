"""The doctor under the launchers that jobs use."""

import platform
import sys

import pytest

from tests.support.commands import Command
from tests.support.mpirun import RANK, prefix

KEYS = {'problem.name': 'mine:Problem', 'scheme.adversaries': 0,
        'problem.batch_size': 45}

#: One rank computes other bits.
ODD = '''
    def gradient(self, parameters, samples, out):
        before = out.copy()
        super().gradient(parameters, samples, out)
        if RANK == 2:
            out += (out - before) * 1e-5
'''

#: Python with other kernels of OpenBLAS on one rank.
KERNELS = '''#!/bin/bash
unset OPENBLAS_CORETYPE
[ ${variable} = 2 ] && export OPENBLAS_CORETYPE=Nehalem
exec {python} "$@"
'''

#: One rank cannot compute at all.
RAISES = '''
    def gradient(self, parameters, samples, out):
        if RANK == 3:
            raise OSError('no data on this host')
        super().gradient(parameters, samples, out)
'''

#: One rank does not come back from its first file.
HANGS = '''
import os, sys, time
import aspis_mpi.doctor
from aspis_mpi.doctor import rank
aspis_mpi.doctor.LIMIT = {limit}

def hang(case):
    time.sleep(1000)

if os.environ[{variable!r}] == '2':
    rank.LOOKS['bits'] = hang, None
sys.exit(aspis_mpi.doctor.examine())
'''


def lines(ended, level=None):
    """What was found, or what of one level."""
    return [line for line in ended.out.splitlines()
            if line.startswith((level,) if level else
                               ('PROBLEM', 'note', 'ok'))]


#: Settings of a job that is none.
BAD = 'run.stepz=3', 'run.steps=0'

WITH_JOB = 'doctor', 'job.toml'
COMMANDS = {
    **{setting: Command(words=(*WITH_JOB, '--set', setting))
       for setting in BAD},
    'odd': Command(KEYS, ODD, WITH_JOB),
    'raises': Command(KEYS, RAISES, WITH_JOB),
    'workers': Command({'scheme.workers': 5, 'scheme.adversaries': 0},
                       words=WITH_JOB),
    'job': Command({'problem.batch_size': 455, 'scheme.adversaries': 0},
                   words=(*WITH_JOB, '--set', 'run.steps=50', '--out',
                          'new/run.h5')),
    'fine': Command(words=('doctor',))}


@pytest.fixture
def said(answers):
    """What the doctor says on four ranks."""
    return lambda name: answers(4, COMMANDS)[name]


def test_a_machine_that_is_fine(said):
    ended = said('fine')
    assert ended.code == 0, ended.out + ended.err
    assert not lines(ended, 'PROBLEM') and len(lines(ended)) < 25
    assert '4 ranks, as launched' in ended.out
    assert 'All 4 ranks compute the same bits' in ended.out
    assert ended.out.splitlines()[-1].startswith('Nothing is wrong')
    assert not list(ended.folder.iterdir())


def test_with_a_job(said):
    ended = said('job')
    assert ended.code == 0, ended.out + ended.err
    assert 'the probed files of the job' in ended.out
    assert 'more for its 4 ranks' in ended.out
    assert 'the run log needs about' in ended.out
    assert [file.name for file in ended.folder.iterdir()] == ['job.toml']


def test_a_rank_with_other_bits(said):
    ended = said('odd')
    assert ended.code == 3, ended.err
    line, = lines(ended, 'PROBLEM')
    assert 'Rank 2 on' in line and 'computes other bits' in line
    assert '1e-05 apart' in line


@pytest.mark.skipif(platform.machine() != 'x86_64', reason='other kernels')
def test_a_rank_with_other_kernels(mpi, launch, folder):
    path = folder / 'kernels'
    path.write_text(KERNELS.format(variable=RANK[mpi], python=(
        prefix(mpi) / 'bin' / 'python')))
    path.chmod(0o755)
    ended = launch(mpi, 4, 'doctor', python=path)
    assert ended.code == 3, ended.err
    line, = lines(ended, 'PROBLEM')
    assert 'Rank 2 on' in line and 'computes other bits' in line
    line, = (line for line in lines(ended, 'note') if 'kernels' in line)
    assert 'Rank 2 on' in line and 'Nehalem' in line
    assert 'OPENBLAS_CORETYPE = Nehalem' in line
    assert 'and no OPENBLAS_CORETYPE' in line


def test_a_rank_that_raises_is_reported_by_rank_0(said):
    ended = said('raises')
    assert ended.code == 3, ended.err
    line, = lines(ended, 'PROBLEM')
    assert 'Rank 3 on' in line and 'OSError: no data on this host' in line
    assert 'All 3 ranks compute the same bits' in ended.out


def test_a_rank_that_hangs_is_named(mpi, launch, folder):
    script = folder / 'hangs.py'
    # On a busy machine others may need longer than a few seconds, too.
    for limit in 3.0, 30.0:
        script.write_text(HANGS.format(variable=RANK[mpi], limit=limit))
        ended = launch(mpi, 3, script=script)
        if ended.out.count('no answer') <= 1:
            break
    # MPICH does not pass on the code of an abort.
    assert ended.code, ended.out
    line, = lines(ended, 'PROBLEM')
    assert 'Rank 2 on' in line and 'no answer' in line


@pytest.mark.parametrize('setting', BAD)
def test_a_bad_job(setting, said):
    ended = said(setting)
    assert ended.code == 2, ended.err
    line, = ended.lines
    assert 'run.steps' in line or 'run.stepz' in line
    assert not lines(ended)


def test_as_many_workers_as_ranks(said):
    ended = said('workers')
    assert ended.code == 3, ended.err
    line, = lines(ended, 'PROBLEM')
    assert 'start it with mpirun -n 6' in line


def test_mpirun_of_another_mpi(mpi, launch):
    if mpi == 'openmpi':
        pytest.skip('MPICH itself ends ranks that Open MPI has started')
    ended = launch(mpi, 3, 'doctor', python=sys.executable)
    assert ended.code == 3, ended.err
    line, = lines(ended, 'PROBLEM')
    assert 'The launcher started 3 ranks, but MPI knows 1' in line
