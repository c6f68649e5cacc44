"""A job that is asked to end finishes its step, and goes on later."""

import os
import signal
import time

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.backends.signals import TWICE
from aspis_mpi.runlog.checkpoints import Checkpoints
from tests.support.commands import Command
from tests.support.gate import HELD, hold, stop
from tests.support.mpirun import parameters, rows_of, told_in

STEPS = 60

#: The step in which runs wait for a signal that has not come before.
LAST = 30

#: Steps of some 20 ms, in any of which the signal may come.
KEYS = HELD | {'run.steps': STEPS, 'run.checkpoint_every': 7,
               'problem.parameters': 50, 'scheme.name': 'aspis',
               'scheme.adversaries': 1, 'adversary.count': 1,
               'adversary.files': 'random', 'delay.mean': 0.018}

#: No worker can lie: the word of one ends the run.
HONEST = {'scheme.adversaries': 0, 'adversary.count': 0}
#: Three of five have to say so.
LIARS = {'scheme.adversaries': 2, 'adversary.count': 2, 'delay.mean': 0.003}

#: What rank 0 is sent; runs that come before one whose mpirun is, and that
#: go on later.
NUMBERS = signal.SIGUSR1, signal.SIGTERM, signal.SIGINT
HELD_FILE = {f'held-{LAST}': ''}
COMMANDS = {'worker': Command(KEYS | HONEST, files=HELD_FILE)} | {
    name: Command(KEYS, files=HELD_FILE) for name in (*NUMBERS, 'mpirun')}


@pytest.fixture
def whole(kept, job, expected):
    """Log and parameters of the job, when it is never stopped."""
    if 'whole' not in kept:
        _, log, wanted = expected(job(KEYS), 3)
        kept['whole'] = log, wanted
    return kept['whole']


@pytest.fixture
def asked(mpi, answers):
    """The ends of runs that were asked to, one after the other."""
    def ask(running, folders):
        # Looked up once: that takes as long as many steps.
        running.wait_for_rows(folders['worker'] / 'run.h5', 1)
        server, worker = (running.rank(mpi, number) for number in (0, 3))
        for name, folder in folders.items():
            log = folder / 'run.h5'
            running.wait_for_rows(log, 5)
            (folder / 'seen').write_text(str(rows_of(log)))
            if name == 'mpirun':
                running.signal(signal.SIGUSR1)
            else:
                os.kill(*((worker, signal.SIGTERM) if name == 'worker'
                          else (server, name)))
            if name != 'worker':
                # A worker says it when it goes on, and not without it.
                running.wait_for_event(log, 'was sent')
            (folder / f'held-{LAST}').unlink()
    return answers(4, COMMANDS, during=ask)


@pytest.fixture
def killed(mpi, kept, job, start, folder):
    """Folder of a run whose mpirun is sent SIGTERM, and the exit code."""
    if (mpi, 'killed') not in kept:
        place = folder / 'killed'
        place.mkdir()
        log, let_go = place / 'run.h5', hold(folder, LAST)
        running = start(mpi, 4, 'run', job(KEYS), '--out', log)
        running.wait_for_rows(log, 10)
        running.signal(signal.SIGTERM)
        running.wait_until(
            lambda: running.over or any('was sent' in text
                                        for text in told_in(log)),
            lambda: 'end of mpirun')
        let_go()
        kept[mpi, 'killed'] = place, running.wait().code
    return kept[mpi, 'killed']


@pytest.fixture
def assert_goes_on(asked, killed, answers, whole):
    """With --resume a copy of a run ends with the same bits and rows."""
    places = {name: asked[name].folder for name in (*NUMBERS, 'mpirun')} | {
        'killed': killed[0]}
    commands = {('resumed', name): Command(
        KEYS, words=(*Command().words, '--resume'), copy=place)
        for name, place in places.items()}

    def check(name):
        ended = answers(4, commands)['resumed', name]
        assert ended.code == 0, ended.err
        assert_same(ended.log, *whole)
    return check


def assert_same(log, reference, wanted):
    assert parameters(log).tobytes() == wanted.tobytes()
    with load_run(log) as run, load_run(reference) as other:
        assert run.steps['step'].tolist() == list(range(STEPS))
        for name in ('flagged', 'source', 'contributors', 'lies'):
            np.testing.assert_array_equal(run.read(name), other.read(name))


def assert_stopped(ended, log, seen):
    """After a checkpoint, at the end of a step that was going on."""
    assert ended.code == 75, ended.err
    assert '--resume goes on' in ended.out
    assert 'Traceback' not in ended.err
    with load_run(log) as run:
        done = run.n_steps
        assert seen <= done < STEPS
        assert any('was sent SIG' in event.text or 'was sent signal' in
                   event.text for event in run.events)
    assert Checkpoints(log).paths()[0].name == f'step-{done:08d}.npz'


def assert_asked(ended):
    """One of several runs that was stopped like this."""
    assert_stopped(ended, ended.log, int((ended.folder / 'seen').read_text()))


def test_a_signal_to_mpirun(asked, assert_goes_on):
    assert_asked(asked['mpirun'])
    assert_goes_on('mpirun')


@pytest.mark.parametrize('number', NUMBERS)
def test_a_signal_to_rank_0(number, asked, assert_goes_on):
    assert_asked(asked[number])
    assert_goes_on(number)


def test_one_worker_is_believed_where_none_can_lie(asked):
    assert_asked(asked['worker'])


def test_of_two_that_may_lie_and_one_more_all_have_to_say_so(
        mpi, job, start, folder):
    log, ranks = folder / 'run.h5', [1, 2, 5]
    first, second = hold(folder, 10), hold(folder, LAST)
    running = start(mpi, 6, 'run', job(KEYS | LIARS), '--out', log)
    running.wait_for_rows(log, 5)
    for rank in ranks[:-1]:
        os.kill(running.rank(mpi, rank), signal.SIGTERM)
    first()
    # They have said it in step 10, and it goes on.
    running.wait_for_rows(log, 15)
    os.kill(running.rank(mpi, ranks[-1]), signal.SIGTERM)
    second()
    assert_stopped(running.wait(), log, 15)


def test_asked_twice_it_does_not_wait_for_the_step(mpi, job, start, folder):
    """A step that does not end, as a worker has stopped."""
    log, done = folder / 'run.h5', 10
    stop(folder, done, worker=2)
    running = start(mpi, 4, 'run', job(KEYS), '--out', log)
    running.wait_for_rows(log, done)
    server = running.rank(mpi, 0)
    os.kill(server, signal.SIGUSR1)
    running.wait_for_event(log, 'was sent')
    time.sleep(1.5 * TWICE)
    os.kill(server, signal.SIGUSR1)
    ended = running.wait()
    # MPICH may answer 9 when it is aborted, and Intel MPI 255.
    assert ended.code in (75, 9, 255), ended.err
    assert Checkpoints(log).paths()[0].name == f'step-{done:08d}.npz'
    assert rows_of(log) == done


def test_sigterm_to_mpirun_leaves_log_and_checkpoint(killed, assert_goes_on):
    """Open MPI kills all ranks soon after: the last checkpoint remains."""
    place, code = killed
    assert code != 0
    assert Checkpoints(place / 'run.h5').paths()
    assert_goes_on('killed')
