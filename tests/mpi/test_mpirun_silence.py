"""Workers that fall silent, and a server that was busy itself."""

import os
import signal
import time

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.backends.awake import LEAST
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Outcome
from tests.support.gate import HELD, hold
from tests.support.mpirun import parameters, told_in
from tests.support.patience import events_of, patiently

#: Exit codes of a run that is done but had to be ended by force.  MPICH's
#: mpirun answers what rank 0 gave it, or 9 of the rank that it killed.
FORCED = {'openmpi': {0}, 'mpich': {0, 9}}

K, LOAD, PROBED = 3, 1, 4
SILENT = 2                      # the worker
SINCE = 2                       # the step
STEPS = 8

KEYS = {'problem.name': 'mine:Problem', 'problem.parameters': 50,
        'problem.micro_batch': 64, 'run.steps': STEPS,
        'scheme.adversaries': 1, 'run.model_out': 'model.npz'}

#: Never comes back: it does not hear that the run is over, either.
LOST = f'''
    def gradient(self, parameters, samples, out):
        if RANK == {SILENT + 1} and self.calls == {PROBED + SINCE * LOAD}:
            {{how}}
        self.calls += 1
        super().gradient(parameters, samples, out)
'''
#: By itself, or as by a debugger.
HANGS = LOST.format(how='time.sleep(1000)')
STOPS = LOST.format(how='os.kill(os.getpid(), 19)')

#: Hears everything, sends nothing.
MUTE = f'''
import sys
from aspis_mpi.__main__ import main
from aspis_mpi.backends.mpi import mailbox as mpi_mailbox
from mine import RANK

class Mute(mpi_mailbox.Mailbox):
    def send(self, rank, message):
        if message.turn < {SINCE}:
            super().send(rank, message)

if RANK == {SILENT + 1}:
    mpi_mailbox.Mailbox = Mute
sys.exit(main())
'''


@pytest.fixture
def waited(mpi, job, launch, folder):
    """Runs a job until nobody else is silent; its end, log and silence."""
    def run(keys, meant=SILENT, **options):
        path, log = job(KEYS | keys), folder / 'run.h5'

        def once(silence):
            (folder / 'silence').write_text(str(silence))
            ended = launch(
                mpi, K + 1, 'run', path, '--out', log, '--overwrite',
                '--set', f'faults.silence={silence}', **options)
            return ended, log
        return patiently(once, meant, SINCE)
    return run


def assert_left_out(log, silence):
    """The run went on without one worker, and right."""
    with load_run(log) as run:
        assert run.n_steps == STEPS
        silent = run.files_done[:, SILENT] < LOAD
        assert silent.tolist() == [step >= SINCE for step in range(STEPS)]
        others = [w for w in range(K) if w != SILENT]
        assert (run.files_done[:, others] == LOAD).all()

        # Given up in steps 2, 3 and so on, until it has cost more than two
        # silences: with others as fast as here in two or three steps.
        costs = run.account[:, SILENT]
        assert costs[-1] > 2 * silence
        assert run.excluded[:, SILENT].tolist() == [
            False, *(costs[:-1] > 2 * silence)]
        assert (np.diff(costs) <= run.steps['seconds_step'][1:]).all()
        assert not run.excluded[:, others].any()
        assert not run.exposed.any() and not run.flagged.any()

        # Two replicas are left of each of its files.
        assert (run.steps['verdict'] == Outcome.CLEAN).all()
        assert (run.source >= 0).all()
        texts = [e.text for e in run.events if 'was silent' in e.text]
        assert len(texts) == np.count_nonzero(np.diff(costs))
        assert len(texts) == STEPS - SINCE - np.count_nonzero(run.excluded)
        assert all(f'worker {SILENT} ' in text for text in texts)


@pytest.mark.parametrize('how', ['hangs', 'mute'])
def test_a_worker_falls_silent(mpi, how, module, job, waited, expected,
                               folder):
    module(HANGS if how == 'hangs' else '')
    (folder / 'mute.py').write_text(MUTE)
    ended, log, silence = waited(
        {}, script=folder / 'mute.py' if how == 'mute' else None)
    assert ended.code in (FORCED[mpi] if how == 'hangs' else {0}), ended.err
    assert ('aborts the job' in ended.err) == (how == 'hangs')
    assert_left_out(log, silence)

    # Everything is exact, so that one replica fewer changes no bit, and
    # the model is saved although one rank never said goodbye.
    path = job(KEYS | {'problem.name': 'quadratic', 'run.model_out': None})
    _, _, wanted = expected(path, K)
    assert parameters(folder / 'model.npz').tobytes() == wanted.tobytes()


def test_a_worker_is_stopped(mpi, module, waited):
    """SIGSTOP, as of a debugger; nothing outlives the run."""
    module(STOPS)
    ended, log, _ = waited({'run.model_out': None})
    assert ended.code in FORCED[mpi], ended.err
    with load_run(log) as run:
        assert run.n_steps == STEPS
        assert run.excluded.any(axis=0).tolist() == [
            worker == SILENT for worker in range(K)]
    assert log.with_suffix('.npz').exists()


SLOW_EVALUATION = '''
    def evaluate(self, parameters):
        self.calls += 1
        if self.calls == 2:
            with open('silence') as file:
                time.sleep(3 * float(file.read()))
        return super().evaluate(parameters)
'''


def test_a_busy_server_calls_nobody_silent(module, waited):
    """What came while rank 0 evaluated for longer than `silence` counts."""
    module(SLOW_EVALUATION)
    ended, log, _ = waited({
        'run.evaluate_every': 2, 'run.steps': 4, 'run.model_out': None,
        'problem.parameters': 300_000, 'problem.batch_size': 10}, meant=None)
    assert ended.code == 0, ended.err
    with load_run(log) as run:
        assert not run.excluded.any()
        assert (run.files_done == LOAD).all()
        assert not [e for e in run.events if 'silent' in e.text]


def test_a_job_that_was_suspended_goes_on(mpi, job, start, expected, folder):
    """Stopped and continued, as by `scontrol suspend`, in a step.

    Rank 0 may still be writing its log when it is stopped, which is work: it
    is stopped until it was while it listened.
    """
    path, log = job(KEYS | HELD | {
        'problem.name': 'quadratic', 'run.model_out': None}), folder / 'run.h5'
    _, _, wanted = expected(path, K)
    let_go = hold(folder, SINCE)
    running = start(mpi, K + 1, 'run', path, '--out', log)
    running.wait_for_rows(log, SINCE)
    ranks = [running.rank(mpi, number) for number in range(K + 1)]

    def noticed():
        if any('rank 0 did not run' in text for text in told_in(log)):
            return True
        for number in signal.SIGSTOP, signal.SIGCONT:
            for pid in ranks:
                os.kill(pid, number)
            if number == signal.SIGSTOP:
                time.sleep(LEAST + 1)
        return False
    running.wait_until(noticed, lambda: f'stop in {told_in(log)}')
    let_go()
    ended = running.wait()
    assert ended.code == 0, ended.err
    assert parameters(log).tobytes() == wanted.tobytes()
    with load_run(log) as run:
        assert run.n_steps == STEPS and not run.excluded.any()
        assert {event.code for event in run.events} == {
            EventCode.PROBE, EventCode.STOOD_STILL}


#: One file more than anybody waits for, for longer than an end takes: rank 0
#: has saved what there is, and waits for the last goodbye.
LONG_FILE = f'''
    def begin(self, step, samples):
        if RANK == {SILENT + 1} and step == {STEPS - 1}:
            while not os.path.exists('model.npz'):
                time.sleep(0.01)
            time.sleep(2)
'''
IMPATIENT = '''
import sys
from aspis_mpi.__main__ import main
from aspis_mpi.backends.mpi import server
server.GRACE = 0.5
sys.exit(main())
'''


def test_who_computes_when_all_is_over_is_not_cut_off(mpi, module, job,
                                                      launch, folder):
    module(LONG_FILE)
    script, log = folder / 'impatient.py', folder / 'run.h5'
    script.write_text(IMPATIENT)
    path = job(KEYS | {'scheme.name': 'partial', 'scheme.adversaries': 0,
                       'assignment.load': 2})
    ended = launch(mpi, K + 1, 'run', path, '--out', log, script=script)
    assert ended.code == 0, ended.err
    assert 'aborts the job' not in ended.err
    with load_run(log) as run:
        assert run.n_steps == STEPS and events_of(run) == []
        assert run.files_done[-1, SILENT] < 2
