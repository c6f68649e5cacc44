"""The death of a worker is not that of the run, where MPI allows it.

That is so under `mpirun --with-ft ulfm` of Open MPI; elsewhere a job ends
with any of its ranks, and goes on from its checkpoint.
"""

import os
import random
import signal
import time

import numpy as np
import pytest

from aspis_mpi import load_run
from aspis_mpi.runlog.checkpoints import Checkpoints
from tests.support.gate import HELD, hold, stop
from tests.support.mpirun import parameters, prefix, rows_of
from tests.support.patience import events_of, patiently

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))

#: Steps of some 20 ms.
KEYS = HELD | {'run.steps': 60, 'problem.parameters': 50, 'delay.mean': 0.004}

#: The steps in which runs wait for what happens from outside, once and then.
ONCE, THEN = 10, 30

#: Three workers of one file each, as long as two files of five workers.
THREE = {'scheme.adversaries': 1, 'delay.mean': 0.02}

MPI = 'openmpi'


@pytest.fixture(autouse=True)
def ulfm():
    """Skips where there is no Open MPI."""
    if not (prefix(MPI) / 'bin' / 'mpirun').exists():
        pytest.skip('no mpirun of Open MPI')


@pytest.fixture
def begin(start, folder):
    """Starts a job that survives deaths; its processes and its log.

    It waits in these steps until it is let go on.
    """
    def run(path, workers, held=(ONCE,), name='run'):
        log = folder / f'{name}.h5'
        for step in held:
            hold(folder, step)
        running = start(MPI, workers + 1, 'run', path, '--out', log,
                        survive=True)
        running.wait_for_rows(log, 5)
        return running, log
    return run


def kill(running, rank):
    os.kill(running.rank(MPI, rank), signal.SIGKILL)


def bury(running, log, *ranks, step=ONCE):
    """Kill some ranks; the run knows of it before it goes on in a step."""
    for rank in ranks:
        kill(running, rank)
    for rank in ranks:
        running.wait_for_event(log, f'(worker {rank - 1}) has died')
    let_go(log, step)


def let_go(log, step):
    (log.parent / f'held-{step}').unlink()


def warnings(log):
    with load_run(log) as run:
        return [event.text for event in events_of(run)]


def assert_near(log, wanted):
    """Equal up to the order in which files are added."""
    found = parameters(log)
    scale = np.abs(wanted).max()
    assert np.abs(found - wanted).max() <= 1e-5 * scale


#: Schemes, their number of workers and adversaries, and other keys.
SCHEMES = {'partial': (4, 0, {}), 'robust-partial': (5, 1, {}),
           'aspis': (3, 1, THREE), 'reactive': (4, 1, {})}


@pytest.mark.parametrize('name', SCHEMES)
def test_the_run_goes_on_without_a_killed_worker(name, job, begin, expected):
    workers, q, keys = SCHEMES[name]
    path = job(KEYS | keys | {
        'scheme.name': name, 'scheme.adversaries': q,
        'aggregation.name': 'mean', 'faults.tolerate': 1})
    running, log = begin(path, workers)
    bury(running, log, 3)
    ended = running.wait()
    assert ended.code == 0, ended.err
    _, _, wanted = expected(path, workers)
    assert_near(log, wanted)
    with load_run(log) as run:
        assert run.n_steps == 60
        lost = ~run.files_done[:, 2].astype(bool)
        # In a step before it may just have been too slow to be needed.
        gone = run.excluded[:, 2]
        first = int(gone.argmax())
        assert 0 < first and gone[first:].all()
        assert lost[first:].all()
        assert 'partial' in name or not lost.all()
        # What it did goes on to be done, by others or by those who had it.
        assert not (run.source == -2).any()
        assert not run.flagged.any()


def test_units_of_the_dead_go_to_others_in_any_layout(job, begin):
    """Of two that die, one after the other, beside one that is slow."""
    path = job(KEYS | {
        'scheme.name': 'robust-partial', 'scheme.adversaries': 1,
        'assignment.load': 3, 'assignment.adapt': 4, 'assignment.split': True,
        'problem.summation': 'tree', 'problem.file_sizes': 'zipf',
        'problem.batch_size': 240, 'problem.micro_batch': 2,
        'delay.name': 'slow', 'delay.workers': [0, 1], 'delay.factor': 8.0,
        'faults.tolerate': 2})
    running, log = begin(path, 7, (ONCE, THEN))
    bury(running, log, 3)
    running.wait_for_rows(log, 20)
    bury(running, log, 5, step=THEN)
    ended = running.wait()
    assert ended.code == 0, ended.err
    assert any('laid out by speeds' in text for text in warnings(log))
    with load_run(log) as run:
        assert run.n_steps == 60 and not run.exposed.any()
        assert not (run.source == -2).any()
        # Files go by samples, of which some have many times as many.
        works = [np.where(order >= 0, run.samples[order], 0).sum(axis=1)
                 for _, order in run.orders]
    assert not works[-1][[2, 4]].any()
    # On a busy machine others may be as slow, but not all the time.
    assert any(not work[2] and work[:2].max() < work[[3, 5, 6]].min()
               for work in works)


def test_one_death_more_than_tolerated(job, begin):
    """Exit 3 with the reason, after a checkpoint."""
    path = job(KEYS | {'scheme.name': 'partial', 'scheme.adversaries': 0,
                       'faults.tolerate': 1})
    running, log = begin(path, 5, (ONCE, THEN))
    bury(running, log, 2)
    running.wait_for_rows(log, 15)
    bury(running, log, 4, step=THEN)
    ended = running.wait()
    assert ended.code == 3, ended.err
    last = warnings(log)[-1]
    assert '2 workers are lost, more than faults.tolerate = 1' in last
    done = rows_of(log)
    assert Checkpoints(log).paths()[0].name == f'step-{done:08d}.npz'


def test_too_few_are_left_for_the_scheme(job, begin):
    """Three consecutive workers hold a file that nobody else has."""
    path = job(KEYS | {'scheme.name': 'partial', 'scheme.adversaries': 0,
                       'faults.tolerate': 4})
    running, log = begin(path, 5)
    for rank in (1, 2, 3):
        kill(running, rank)
    running.wait_for_event(log, 'cannot be finished')
    let_go(log, ONCE)
    ended = running.wait()
    assert ended.code == 3, ended.err
    assert 'cannot be finished' in warnings(log)[-1]
    assert Checkpoints(log).paths()


#: In a step that it takes part in: the others wait for that, as they can do
#: without it.
RAISES = f'''
    step = 0

    def begin(self, step, samples):
        self.step = step
        while RANK not in (0, 3) and step == {THEN} and (
                not os.path.exists('noted')):
            time.sleep(0.01)

    def gradient(self, parameters, samples, out):
        if RANK == 3 and self.step >= {ONCE}:
            note('raised')
            raise RuntimeError('out of luck')
        super().gradient(parameters, samples, out)
'''


@pytest.mark.parametrize('survive', [True, False])
def test_a_rank_that_raises_is_told_of_and_done_without(
        survive, job, module, start, folder):
    """Its traceback is in the log; so it is also without ULFM."""
    module(RAISES)
    path, log = job(KEYS | {
        'problem.name': 'mine:Problem', 'scheme.name': 'robust-partial',
        'scheme.adversaries': 1, 'faults.tolerate': 1}), folder / 'run.h5'
    ended = start(MPI, 6, 'run', path, '--out', log,
                  survive=survive).wait()
    assert ended.code == 0, ended.err
    told, = [text for text in warnings(log) if 'out of luck' in text]
    assert 'rank 3 (worker 2) failed in step' in told
    assert 'Traceback' in told and 'goes on without worker 2' in told
    with load_run(log) as run:
        assert run.n_steps == 60


def test_a_stopped_worker_is_left_out_and_ended(job, launch, folder,
                                                expected):
    """It is not dead, so only the deadline sees it; mpirun ends all."""
    path = job(KEYS | {'scheme.name': 'aspis', 'aggregation.name': 'mean'})
    stop(folder, ONCE, worker=2)

    def run(silence):
        log = folder / 'run.h5'
        return launch(MPI, 6, 'run', path, '--out', log, '--overwrite',
                      '--set', f'faults.silence={silence}',
                      survive=True), log
    ended, log, _ = patiently(run, meant=2, since=ONCE)
    assert ended.code == 0, ended.err
    assert any('worker 2 was silent' in text for text in warnings(log))
    _, _, wanted = expected(path, 5)
    assert_near(log, wanted)


def test_the_death_of_rank_0_ends_all(job, begin):
    path = job(KEYS | {'scheme.name': 'partial', 'scheme.adversaries': 0,
                       'run.checkpoint_every': 3, 'faults.tolerate': 2})
    running, log = begin(path, 3)
    kill(running, 0)
    let_go(log, ONCE)
    ended = running.wait()
    assert ended.code == 3, ended.err
    assert 'rank 0 is gone' in ended.err
    assert Checkpoints(log).paths()


def test_a_signal_after_a_death(job, begin, launch, expected):
    path = job(KEYS | {'scheme.name': 'robust-partial',
                       'scheme.adversaries': 1, 'faults.tolerate': 1})
    running, log = begin(path, 5, (ONCE, THEN))
    bury(running, log, 2)
    running.wait_for_rows(log, 15)
    running.signal(signal.SIGUSR1)
    running.wait_for_event(log, 'was sent')
    let_go(log, THEN)
    ended = running.wait()
    assert ended.code == 75, ended.err
    ended = launch(MPI, 6, 'run', path, '--out', log, '--resume')
    assert ended.code == 0, ended.err
    _, _, wanted = expected(path, 5)
    assert_near(log, wanted)


# -- many deaths

#: Steps in which seven workers die, some two seconds after the start.
MANY = 150


@pytest.mark.slow
@pytest.mark.timeout(3600 if THOROUGH else 600)
@pytest.mark.parametrize('name, load', [('partial', 8),
                                        ('robust-partial', 8)])
def test_seven_of_fifteen_die(name, load, job, begin, expected):
    """At random moments of one run; no file is lost, nothing hangs."""
    path = job(KEYS | {
        'scheme.name': name, 'assignment.load': load,
        'scheme.adversaries': 2 if name == 'robust-partial' else 0,
        'faults.tolerate': 7, 'run.steps': MANY})
    _, _, wanted = expected(path, 15)
    for number in range(25 if THOROUGH else 1):
        running, log = begin(path, 15, (MANY - 1,), f'run-{number}')
        drawn = random.Random(number)
        for rank in drawn.sample(range(1, 16), 7):
            kill(running, rank)
            time.sleep(drawn.expovariate(4))
        running.wait_for_event(log, 'has died')
        let_go(log, MANY - 1)
        ended = running.wait()
        assert ended.code == 0, ended.err
        assert_near(log, wanted)
        with load_run(log) as run:
            assert run.n_steps == MANY
            assert not np.isin(run.source, (-1, -2)).any()
            # The last may die when all is over.
            assert 1 <= sum('has died' in event.text
                            for event in run.events) <= 7


#: 11 million numbers, whose gradients are cheap; the exact mean tells a
#: stale or half-written vector by any of its numbers.
LARGE = '''
    import numpy as np

    def __init__(self, seed):
        super().__init__(seed, parameters=11_000_000)

    def initial(self, generator):
        return self.np.full(self.n_parameters, 1, dtype='f4')

    def gradient(self, parameters, samples, out):
        out += len(samples) * (parameters + 1)

    def evaluate(self, parameters):
        from aspis_mpi.learning.problem import Score
        return Score(0.0, float('nan'))

    def loss(self, parameters):
        return 0.0
'''


@pytest.mark.slow
@pytest.mark.timeout(3600 if THOROUGH else 600)
def test_death_in_the_midst_of_a_large_vector(job, module, start, folder):
    """Four of five workers, one after the other: no hang, no wrong sum."""
    module(LARGE)
    steps = 20
    path = job({'problem.name': 'mine:Problem', 'problem.parameters': None,
                'run.steps': steps, 'scheme.name': 'uncoded',
                'run.checkpoint_every': 0, 'problem.batch_size': 20,
                'optimizer.lr': 0.5, 'optimizer.momentum': 0.0,
                'scheme.adversaries': 0, 'faults.tolerate': 4,
                'faults.approximate': True, **HELD})
    for number in range(25 if THOROUGH else 2):
        drawn, log = random.Random(number), folder / f'run-{number}.h5'
        let_go = hold(folder, steps - 1)
        running = start(MPI, 6, 'run', path, '--out', log, survive=True)
        running.wait_for_rows(log, 1)
        for rank in drawn.sample(range(1, 6), 4):
            kill(running, rank)
            time.sleep(drawn.uniform(0, 0.3))
        let_go()
        ended = running.wait()
        assert ended.code == 0, ended.err
        w = 1.0
        for _ in range(steps):
            w -= 0.5 * (w + 1)
        assert (parameters(log) == np.float32(w)).all()
        log.with_suffix('.npz').unlink()
        for file in Checkpoints(log).paths():
            file.unlink()
