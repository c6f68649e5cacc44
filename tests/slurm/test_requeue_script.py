"""What scripts that requeue do, without SLURM, by an mpiexec that plays."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.limits import HANGS
from tests.support.mpirun import REPO

REQUEUE = REPO / 'jobs' / 'requeue.sbatch'
SWEEP = REPO / 'jobs' / 'sweep-requeue.sbatch'
PLAIN = REPO / 'jobs' / 'sweep.sbatch'

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

#: With what the job leaves out already.
SCONTROL = '''#!/usr/bin/env bash
echo "$@" >> asked
[ "$2" != show ] || echo "ReqNodeList=(null) ExcNodeList=$OLD NodeList=n1"
'''

#: Says which nodes to leave out, once the run is over.
PYTHON = '''#!/usr/bin/env bash
[ -e arguments ] && echo "$@" > shown
echo "$NODES"
'''


@pytest.fixture
def start(tmp_path):
    """Starts a script: `start(code, script, variables)`."""
    running = []

    def begin(code, script=REQUEUE, variables=()):
        for name, text in (('mpiexec', MPIEXEC), ('mpirun', MPIRUN),
                           ('scontrol', SCONTROL), ('python', PYTHON)):
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
    end = time.monotonic() + HANGS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize('script, variables', [
    (REQUEUE, {}), (REQUEUE, TASK), (SWEEP, TASK)])
@pytest.mark.parametrize('code', [0, 2, 3, 137])
def test_exit_code_is_kept(start, tmp_path, code, script, variables):
    """A run that is done or failed is not queued again."""
    assert start(code, script, variables).wait(HANGS) == code
    assert not (tmp_path / 'asked').exists()


@pytest.mark.parametrize('script, variables, asked', [
    (REQUEUE, {}, 'requeue 42\n'), (REQUEUE, TASK, 'requeue 42_7\n'),
    (SWEEP, TASK, 'requeue 42_7\n')])
def test_of_an_array_the_task_alone_is_queued_again(
        start, tmp_path, script, variables, asked):
    assert start(75, script, variables).wait(HANGS) == 75
    assert (tmp_path / 'asked').read_text() == asked


def test_each_run_of_a_sweep_has_seed_and_log_of_its_own(start, tmp_path):
    start(0, SWEEP, TASK).wait(HANGS)
    words = (tmp_path / 'arguments').read_text().split()
    assert words[-5:] == ['--set', 'run.seed=7', '--out',
                          'runs/sweep-42-7.h5', '--resume']


def test_run_is_always_resumed(start, tmp_path):
    start(0).wait(HANGS)
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
    assert process.wait(HANGS) == code
    if asked:
        assert (tmp_path / 'asked').read_text() == asked
    assert (tmp_path / 'asked').exists() == (asked is not None)


# --- nodes to leave out ------------------------------------------------

@pytest.fixture
def leave_out(start, tmp_path):
    """Runs a script with a host ledger: `leave_out(code, script, nodes, old)`.

    It answers the exit code and what `scontrol` was asked for.
    """
    def run(code, script, nodes='n[3-4]', old='(null)'):
        variables = TASK | {'NODES': nodes, 'OLD': old,
                            'ASPIS_LEDGER': 'host ledger'}
        found = start(code, script, variables).wait(HANGS)
        asked = tmp_path / 'asked'
        return found, asked.read_text().splitlines() if asked.exists() else []
    return run


@pytest.mark.parametrize('script, job', [
    (REQUEUE, '42_7'), (SWEEP, '42_7'), (PLAIN, '42')])
@pytest.mark.parametrize('old, nodes', [('(null)', 'n[3-4]'),
                                        ('n9,m[1-2]', 'n9,m[1-2],n[3-4]')])
def test_nodes_of_the_ledger_are_left_out_besides_the_users(
        leave_out, tmp_path, script, job, old, nodes):
    """When the job waits, as before that nothing may be changed."""
    code, asked = leave_out(75, script, old=old)
    assert code == 75
    assert asked[-1] == f'update JobId={job} ExcNodeList={nodes}'
    assert [it for it in asked if 'requeue' in it] == (
        [] if script is PLAIN else [f'requeue {job}'])
    assert 'requeue' in asked[0] or script is PLAIN
    assert (tmp_path / 'shown').read_text().split() == [
        '-m', 'aspis_mpi', 'show', 'host', 'ledger', '--exclude', '--why']
    assert '--set run.ledger=host ledger' in (
        tmp_path / 'arguments').read_text()


@pytest.mark.parametrize('script, asked', [
    (REQUEUE, ['requeue 42_7']), (SWEEP, ['requeue 42_7']), (PLAIN, [])])
def test_where_nobody_is_to_be_left_out_the_job_stays_as_it_is(
        leave_out, script, asked):
    assert leave_out(75, script, nodes='') == (75, asked)


@pytest.mark.parametrize('script', [REQUEUE, SWEEP])
def test_what_is_not_queued_again_leaves_nobody_out(leave_out, script):
    assert leave_out(3, script) == (3, [])


@pytest.mark.parametrize('code', [0, 3])
def test_tasks_that_wait_learn_of_every_run_that_has_ended(leave_out, code):
    found, asked = leave_out(code, PLAIN)
    assert found == code and asked[-1].startswith('update JobId=42 ')


def test_signals_reach_a_sweep_that_stays_to_look_at_its_ledger(
        start, tmp_path):
    (tmp_path / 'wait').touch()
    process = start(75, PLAIN, TASK | {'ASPIS_LEDGER': 'nodes', 'NODES': 'n3',
                                       'OLD': '(null)'})
    wait_until((tmp_path / 'ready').exists)
    wait_until(lambda: catches(process.pid, signal.SIGUSR1))
    for count in (1, 2, 3):
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: len((tmp_path / 'signals').read_text()
                               .splitlines()) == count)
    assert process.wait(HANGS) == 75
    assert 'ExcNodeList=n3' in (tmp_path / 'asked').read_text()
