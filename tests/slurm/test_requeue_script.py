"""What scripts that requeue do, without SLURM, by an mpiexec that plays."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.mpirun import REPO

REQUEUE = REPO / 'jobs' / 'requeue.sbatch'
SWEEP = REPO / 'jobs' / 'sweep-requeue.sbatch'

#: The last task of an array has the number of the array.
TASK = {'SLURM_ARRAY_JOB_ID': '42', 'SLURM_ARRAY_TASK_ID': '7',
        'SLURM_JOB_NAME': 'sweep'}

#: Ends with the code in the file `code` after three signals, or at once.
MPIEXEC = '''#!/usr/bin/env bash
echo "$@" > arguments
trap 'echo signal >> signals' USR1
touch ready
while [ -e wait ] && [ "$(wc -l < signals)" -lt 3 ]; do sleep 0.05; done
sleep 0.2
exit "$(cat code)"
'''

#: That of Intel MPI ends on a signal and passes none on.
MPIRUN = '''#!/usr/bin/env bash
mpiexec "$@"
'''

SCONTROL = '''#!/usr/bin/env bash
echo "$@" >> asked
'''


@pytest.fixture
def start(tmp_path):
    """Starts a script: `start(code, script, variables)`."""
    running = []

    def begin(code, script=REQUEUE, variables=()):
        for name, text in (('mpiexec', MPIEXEC), ('mpirun', MPIRUN),
                           ('scontrol', SCONTROL)):
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)
        (tmp_path / 'code').write_text(str(code))
        (tmp_path / 'signals').touch()
        running.append(subprocess.Popen(
            ['bash', script, 'job.toml', '--out', 'a b.h5'], cwd=tmp_path,
            env=os.environ | {'PATH': f'{tmp_path}:{os.environ["PATH"]}',
                              'SLURM_JOB_ID': '42'} | dict(variables),
            stdin=subprocess.DEVNULL, start_new_session=True))
        return running[-1]
    yield begin
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def catches(pid, number):
    """Whether a process has a handler of its own for a signal."""
    status = Path(f'/proc/{pid}/status').read_text()
    caught = int(re.search(r'^SigCgt:\s*(\w+)', status, re.MULTILINE)[1], 16)
    return caught >> (number - 1) & 1


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize('script, variables', [
    (REQUEUE, {}), (REQUEUE, TASK), (SWEEP, TASK)])
@pytest.mark.parametrize('code', [0, 2, 3, 137])
def test_exit_code_is_kept(start, tmp_path, code, script, variables):
    """A run that is done or failed is not queued again."""
    assert start(code, script, variables).wait(20) == code
    assert not (tmp_path / 'asked').exists()


@pytest.mark.parametrize('script, variables, asked', [
    (REQUEUE, {}, 'requeue 42\n'), (REQUEUE, TASK, 'requeue 42_7\n'),
    (SWEEP, TASK, 'requeue 42_7\n')])
def test_of_an_array_the_task_alone_is_queued_again(
        start, tmp_path, script, variables, asked):
    assert start(75, script, variables).wait(20) == 75
    assert (tmp_path / 'asked').read_text() == asked


def test_each_run_of_a_sweep_has_seed_and_log_of_its_own(start, tmp_path):
    start(0, SWEEP, TASK).wait(20)
    words = (tmp_path / 'arguments').read_text().split()
    assert words[-5:] == ['--set', 'run.seed=7', '--out',
                          'runs/sweep-42-7.h5', '--resume']


def test_run_is_always_resumed(start, tmp_path):
    start(0).wait(20)
    words = (tmp_path / 'arguments').read_text().split()
    assert words[-6:] == ['run', 'job.toml', '--out', 'a', 'b.h5',
                          '--resume']


@pytest.mark.parametrize('script', [REQUEUE, SWEEP])
@pytest.mark.parametrize('code, asked', [(75, 'requeue 42_7\n'), (0, None),
                                         (3, None)])
def test_signals_reach_the_launcher_which_is_waited_for(
        start, tmp_path, code, asked, script):
    (tmp_path / 'wait').touch()
    process = start(code, script, TASK)
    wait_until((tmp_path / 'ready').exists)
    # The launcher may be faster than the script that started it.
    wait_until(lambda: catches(process.pid, signal.SIGUSR1))
    for count in (1, 2, 3):
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: len((tmp_path / 'signals').read_text()
                               .splitlines()) == count)
        assert count == 3 or process.poll() is None
    assert process.wait(20) == code
    if asked:
        assert (tmp_path / 'asked').read_text() == asked
    assert (tmp_path / 'asked').exists() == (asked is not None)
