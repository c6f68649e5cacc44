"""`show --follow` of a job that is killed and queued again."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from aspis_mpi.runlog.checkpoints import Checkpoints, load
from tests.support.gate import HELD, hold
from tests.support.limits import HANGS
from tests.support.mpirun import REPO, rows_of

STEPS = 120

#: Steps of some 20 ms, so that there is something to follow.
KEYS = HELD | {'run.steps': STEPS, 'run.checkpoint_every': 10,
               'run.evaluate_every': 10, 'problem.parameters': 50,
               'scheme.adversaries': 1, 'adversary.count': 1,
               'adversary.files': 'random', 'delay.mean': 0.018,
               'log.flush_seconds': 0.05}


class Following:
    """`show --follow` in a process of its own, and the lines that it says."""

    def __init__(self, log):
        self.lines = []
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'aspis_mpi', 'show', log, '--follow',
             '--interval', '0.1'], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {'PYTHONPATH': str(REPO)})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line.rstrip('\n'))

    @property
    def steps(self):
        """Number of steps in each line that has one."""
        found = (re.search(r'  step +(\d+)/', line) for line in self.lines)
        return [int(it[1]) for it in found if it]

    def wait_for(self, what):
        """Let it say something."""
        end = time.monotonic() + HANGS
        while not what():
            assert time.monotonic() < end, self.lines
            assert self._process.poll() is None, self.lines
            time.sleep(0.02)

    def wait(self):
        """Exit code and errors at its end, which must be near."""
        code = self._process.wait(HANGS)
        self._reader.join(HANGS)
        return code, self._process.stderr.read()

    def close(self):
        """End it, whatever happened."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._process.stderr.close()


@pytest.fixture
def followed(folder):
    """The log to be, and who follows it."""
    following = Following(folder / 'run.h5')
    yield folder / 'run.h5', following
    following.close()


def test_of_a_job_that_is_killed_and_requeued_it_is_right_to_the_end(
        mpi, job, start, followed):
    log, following = followed
    path = job(KEYS)
    following.wait_for(lambda: following.lines)
    assert 'is not there yet' in following.lines[0]

    # Killed as a node that fails: no rank can say a word.
    let_go = hold(log.parent, STEPS - 1)
    running = start(mpi, 4, 'run', path, '--out', log)
    running.wait_for_rows(log, 25)
    for pid in running.pids():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    running.wait()
    let_go()
    left, kept = rows_of(log), load(Checkpoints(log).paths()[0]).step
    following.wait_for(lambda: following.steps[-1:] == [left])

    # Requeued, it goes on from a checkpoint in a new file.
    inode = log.stat().st_ino
    running = start(mpi, 4, 'run', path, '--out', log, '--resume')
    following.wait_for(lambda: following.steps[-1] > left)
    assert log.stat().st_ino != inode
    assert running.wait().code == 0

    assert following.wait() == (0, '')
    steps = following.steps
    assert steps[-1] == STEPS
    # Only where it was killed were steps lost, since the last checkpoint; it
    # may have had no time for that of its last row.
    falls = [(one, two) for one, two in zip(steps, steps[1:]) if two < one]
    assert len(falls) <= 1
    assert all(one == left and kept <= two for one, two in falls)
    blank = following.lines.index('')
    shown = subprocess.run(
        [sys.executable, '-m', 'aspis_mpi', 'show', log], text=True,
        capture_output=True, timeout=HANGS, check=True,
        env=os.environ | {'PYTHONPATH': str(REPO)}).stdout.splitlines()
    assert following.lines[blank + 1:] == shown
    assert any(line.startswith(f'steps     {STEPS} of {STEPS} done')
               for line in shown)
