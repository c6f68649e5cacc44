"""Thousands of messages of one worker that are none, under a real mpirun."""

import logging
import os
import threading
from pathlib import Path

import pytest

from aspis_mpi import load_run
from tests.support import fuzzing_worker
from tests.support.hostile_worker import WORKER
from tests.support.mpirun import parameters

THOROUGH = bool(os.environ.get('ASPIS_THOROUGH'))
MESSAGES = 10_000 if THOROUGH else 2_000
STEPS = 100 if THOROUGH else 40
#: Seconds between two looks at the memory of rank 0.
LOOK = 0.05

KEYS = {'run.steps': STEPS, 'faults.silence': 30.0}
#: Other keys, and the files of a worker.
SCHEMES = {
    'replicas': ({}, 6),
    'robust-partial': ({
        'scheme.name': 'robust-partial', 'collection.name': 'all',
        'detection.memory': 'step'}, 5),
}
OTHERS = [worker for worker in range(5) if worker != WORKER]


class Memory:
    """Bytes that a process has to itself, looked at while it runs.

    Parameters
    ----------
    find : callable
        The process, or nothing as long as it is not looked at.
    """

    def __init__(self, find):
        self.seen = []
        self._find = find
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def close(self):
        """Look no more."""
        self._over.set()
        self._watch.join()

    def _look(self):
        pid = None
        while not self._over.wait(LOOK):
            pid = pid or self._find()
            if pid:
                self.seen += resident(pid)


def resident(pid):
    """Resident bytes that are its own, one number or none.

    Pages that MPI shares between processes have a bound, and come with the
    first messages of a kind.
    """
    try:
        text = Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return []
    return [1024 * int(line.split()[1]) for line in text.splitlines()
            if line.startswith('RssAnon:')]


def fuzzed(mpi, start, path, folder, messages, *options):
    """Run a job with a hostile worker; its log and rank 0's memory."""
    log = folder / 'run.h5'
    job = start(mpi, 6, f'--messages={messages}', f'--steps={STEPS}',
                *options, 'run', path, '--out', log,
                script=fuzzing_worker.__file__)
    # What it needs at all, it has needed by then.
    memory = Memory(lambda: (
        sum(fuzzing_worker.taken(folder).values()) >= messages // 4
        and job.rank(mpi, 0)))
    ended = job.wait(300 if THOROUGH else 90)
    memory.close()
    assert ended.code == 0, ended.err
    assert 'Traceback' not in ended.err
    return log, memory.seen


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
        assert {event.rank for event in run.events
                if event.level > logging.INFO} == {WORKER + 1}


@pytest.mark.parametrize('scheme', SCHEMES)
def test_nothing_comes_of_what_is_no_message(
        mpi, scheme, job, start, expected, folder):
    keys, load = SCHEMES[scheme]
    path = job(KEYS | keys)
    log, memory = fuzzed(mpi, start, path, folder, MESSAGES)
    assert_right(log, path, expected, load)
    sent = fuzzing_worker.taken(folder)
    assert sum(sent.values()) >= MESSAGES
    assert set(sent) == set(fuzzing_worker.QUIET | fuzzing_worker.LOUD)
    assert max(memory) <= 1.05 * memory[0], memory


def test_nor_of_pieces(mpi, job, start, expected, folder):
    """Its own lane may fall out of step, so that it seems silent."""
    path = job(KEYS | {'faults.silence': 5.0})
    log, memory = fuzzed(mpi, start, path, folder, MESSAGES // 4,
                         '--piece=1024')
    assert_right(log, path, expected, 6)
    assert max(memory) <= 1.05 * memory[0], memory
