"""kill -9 of the parameter server costs moments, and a restart nothing."""

import os
import random
import signal
import time

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.runlog.checkpoints import Checkpoints, load
from tests.support.gate import HELD, hold
from tests.support.limits import HANGS
from tests.support.mpirun import parameters, rows_of

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))

#: Runs that are killed, under each MPI.
COUNT = 50 if THOROUGH else 5

#: Of the log, in seconds: a kill may cost so much.
FLUSH = 0.05

#: Of some 12 ms at least; the last one is not done before the kill.
STEPS = 150
KEYS = HELD | {
    'run.steps': STEPS, 'run.checkpoint_every': 5, 'run.keep': 2,
    'run.evaluate_every': 10, 'problem.parameters': 50, 'delay.mean': 0.012,
    'scheme.adversaries': 1, 'adversary.count': 1,
    'adversary.files': 'random', 'log.flush_seconds': FLUSH}


def assert_rows(log, reference):
    """What the log has, it has right; how many rows there are."""
    with load_run(log) as run, load_run(reference) as other:
        rows = slice(0, run.n_steps)
        for name in ('step', 'verdict', 'gradient_norm', 'n_flagged'):
            np.testing.assert_array_equal(run.steps[name],
                                          other.steps[name][rows])
        for name in ('flagged', 'source', 'contributors', 'lies'):
            np.testing.assert_array_equal(run.read(name),
                                          other.read(name, rows))
        return run.n_steps


#: Each run goes on in turn, under one mpirun.
GO_ON = """
import sys
from aspis_mpi import run

path, *logs = sys.argv[1:]
for log in logs:
    code, _ = run(path, out=log, resume=True)
    if code:
        sys.exit(code)
"""


@pytest.fixture
def killed(mpi, start, folder):
    """Kills rank 0 of a run; answers its log, and how many rows it had."""
    def run(path, number):
        log, drawn = folder / f'run-{number}.h5', random.Random(number)
        let_go = hold(folder, STEPS - 1)
        running = start(mpi, 4, 'run', path, '--out', log)
        running.wait_for_rows(log, 12)
        time.sleep(drawn.uniform(0, 0.6))
        seen = rows_of(log)
        os.kill(running.rank(mpi, 0), signal.SIGKILL)
        assert running.wait().code != 0
        let_go()
        return log, seen
    return run


@pytest.mark.slow
@pytest.mark.timeout(3600 if THOROUGH else 600)
def test_killed_at_any_moment_it_goes_on_bit_for_bit(
        mpi, job, killed, launch, expected, folder):
    """Log readable, checkpoint usable, and the end that of no kill."""
    path, logs = job(KEYS), []
    _, reference, wanted = expected(path, 3)
    for number in range(COUNT):
        log, seen = killed(path, number)
        logs.append(log)
        done = assert_rows(log, reference)
        assert seen <= done < STEPS
        newest = Checkpoints(log).paths()[0]
        # The log has the rows of what a checkpoint says is done.
        assert 10 <= load(newest).step <= done

    script = folder / 'go_on.py'
    script.write_text(GO_ON)
    ended = launch(mpi, 4, path, *logs, script=script,
                   limit=1800 if THOROUGH else HANGS)
    assert ended.code == 0, ended.err
    for log in logs:
        assert parameters(log).tobytes() == wanted.tobytes()
        assert assert_rows(log, reference) == STEPS


def test_no_row_waits_for_the_end_of_a_long_step(mpi, job, start, folder):
    """A kill in such a step costs nothing that was done before."""
    log = folder / 'run.h5'
    let_go = hold(folder, 12)
    running = start(mpi, 4, 'run', job(KEYS | {'log.flush_seconds': 0.5}),
                    '--out', log)
    running.wait_for_rows(log, 12)
    let_go()
    assert running.wait().code == 0
