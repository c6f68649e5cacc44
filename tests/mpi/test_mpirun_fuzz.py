"""Thousands of messages of one worker that are none, under a real mpirun."""

import logging
import os

import pytest

from aspis_mpi import load_run
from tests.support import fuzzing_worker
from tests.support.hostile_worker import WORKER
from tests.support.limits import HANGS
from tests.support.mpirun import parameters
from tests.support.patience import SILENCES, events_of, patiently

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
MESSAGES = 10_000 if THOROUGH else 2_000
STEPS = 100 if THOROUGH else 40

KEYS = {'run.steps': STEPS}
#: Other keys, and the files of a worker.
SCHEMES = {
    'replicas': ({}, 6),
    'robust-partial': ({
        'scheme.name': 'robust-partial', 'collection.name': 'all',
        'detection.memory': 'step'}, 5),
}
OTHERS = [worker for worker in range(5) if worker != WORKER]


def fuzzed(mpi, launch, path, folder, messages, *options,
           silences=SILENCES[-1:]):
    """Run a job with a hostile worker; its log and rank 0's memory."""
    log = folder / 'run.h5'

    def once(silence):
        fuzzing_worker.forget(folder)
        return launch(
            mpi, 6, f'--messages={messages}', f'--steps={STEPS}', *options,
            'run', path, '--out', log, '--overwrite', '--set',
            f'faults.silence={silence}', script=fuzzing_worker.__file__,
            limit=1800 if THOROUGH else HANGS), log
    ended, *_ = patiently(once, WORKER, silences=silences)
    assert ended.code == 0, ended.err
    assert 'Traceback' not in ended.err
    return log, fuzzing_worker.measured(folder)


def assert_right(log, path, expected, load):
    """As if nobody had been hostile; nobody but the hostile one is told."""
    _, _, wanted = expected(path, 5)
    assert parameters(log).tobytes() == wanted.tobytes()
    with load_run(log) as run:
        assert run.n_steps == STEPS
        for name in ('flagged', 'exposed', 'excluded'):
            assert not run.read(name)[:, OTHERS].any(), name
        assert (run.source >= 0).all()
        assert (run.files_done[:, OTHERS] == load).all()
        assert {event.rank for event in events_of(run)
                if event.level > logging.INFO} == {WORKER + 1}


@pytest.mark.parametrize('scheme', SCHEMES)
def test_nothing_comes_of_what_is_no_message(
        mpi, scheme, job, launch, expected, folder):
    keys, load = SCHEMES[scheme]
    path = job(KEYS | keys)
    log, memory = fuzzed(mpi, launch, path, folder, MESSAGES)
    assert_right(log, path, expected, load)
    sent = fuzzing_worker.taken(folder)
    assert sum(sent.values()) >= MESSAGES
    assert set(sent) == set(fuzzing_worker.QUIET | fuzzing_worker.LOUD)
    assert max(memory) <= 1.05 * memory[0], memory


def test_nor_of_pieces(mpi, job, launch, expected, folder):
    """Its own lane may fall out of step, so that it seems silent."""
    path = job(KEYS)
    log, memory = fuzzed(mpi, launch, path, folder, MESSAGES // 4,
                         '--piece=1024', silences=SILENCES[1:])
    assert_right(log, path, expected, 6)
    assert max(memory) <= 1.05 * memory[0], memory
