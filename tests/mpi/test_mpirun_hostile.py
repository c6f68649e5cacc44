"""Whatever one worker sends, the run goes on and its result is right."""

import logging

import numpy as np
import pytest

from aspis_mpi import load_run
from tests.support import hostile_worker
from tests.support.hostile_worker import ATTACKS, WORKER, Fate
from tests.support.mpirun import parameters
from tests.support.patience import SILENCES, events_of, patiently

STEPS = len(ATTACKS)
KEYS = {'run.steps': STEPS}
OTHERS = [worker for worker in range(5) if worker != WORKER]


def run_with_hostile(mpi, launch, path, folder, *flags):
    log = folder / 'run.h5'

    def once(silence):
        return launch(mpi, 6, *flags, 'run', path, '--out', log,
                      '--overwrite', '--set', f'faults.silence={silence}',
                      script=hostile_worker.__file__), log
    # What it sends may let it seem silent, nobody else.
    ended, *_ = patiently(once, WORKER, silences=SILENCES[1:])
    assert ended.code == 0, ended.err
    assert 'Traceback' not in ended.err
    return log


def assert_right(log, path, expected):
    """As if nobody had been hostile: each file has honest replicas."""
    _, _, wanted = expected(path, 5)
    assert parameters(log).tobytes() == wanted.tobytes()
    with load_run(log) as run:
        assert run.n_steps == STEPS
        for name in ('flagged', 'exposed', 'excluded'):
            assert not run.read(name)[:, OTHERS].any(), name
        assert (run.files_done[:, OTHERS] == 6).all()
        assert (run.source >= 0).all()
        assert {event.rank for event in events_of(run)
                if event.level > logging.INFO} == {WORKER + 1}


def test_every_attack_has_its_fate(mpi, job, launch, expected, folder):
    path = job(KEYS)
    log = run_with_hostile(mpi, launch, path, folder)
    assert_right(log, path, expected)
    fates = [fate for _, fate in ATTACKS.values()]
    with load_run(log) as run:
        seen = {Fate.EXPOSED: run.exposed[:, WORKER],
                Fate.FLAGGED: run.flagged[:, WORKER]}
        for fate, steps in seen.items():
            assert dict(zip(ATTACKS, steps.tolist())) == {
                name: wanted is fate
                for name, wanted in zip(ATTACKS, fates)}, fate
        assert not run.excluded.any()

        # One event for each step with something malformed, no others.
        noted = [step for step, fate in enumerate(fates)
                 if fate in (Fate.EXPOSED, Fate.NOTED)]
        texts = [event.text for event in events_of(run)
                 if event.level > logging.INFO]
        assert len(texts) == len(noted)
        for step, text in zip(noted, texts):
            assert f'worker {WORKER} sent a malformed' in text
            assert f'in step {step}:' in text

        # Nothing that it sent of an exposed step was used.
        used = run.contributors[:, :, WORKER].any(axis=1)
        assert not (used & run.exposed[:, WORKER]).any()
        assert np.array_equal(used, [fate in (Fate.IGNORED, Fate.NOTED)
                                     for fate in fates])


def test_attacks_among_pieces(mpi, job, launch, expected, folder):
    """Its own lane may fall out of step; nobody else's does."""
    path = job(KEYS)
    log = run_with_hostile(mpi, launch, path, folder, '--piece=1024')
    assert_right(log, path, expected)


OVERRUN = '''
"""Rank 1 sends more than rank 0 has room for; what lies behind stays."""

import time
import numpy as np
from aspis_mpi.backends.mpi import ranks as mpi
from aspis_mpi.backends.mpi.mailbox import Mailbox
from aspis_mpi.errors import MalformedMessage
from aspis_mpi.protocol.buffers import Buffer
from aspis_mpi.protocol.messages import (
    FROM_SERVER, FROM_WORKER, Lane, Replica, Sizes)
from aspis_mpi.protocol.wire import Wire

comm, d = mpi.world(), {d}
wire = Wire(Sizes(n_workers=1, n_files=1, n_parameters={d}, load=1,
                  payload={d}))
known, peers = (FROM_SERVER, [0]) if comm.rank else (FROM_WORKER, [1])
room = np.zeros(64 + 4 * d + (1 << 21), dtype=np.uint8)
mail = Mailbox(comm, wire, known, peers, lambda rank, lane: (
    room[:64 + 4 * d], Buffer(d).hold()))


def drive(until):
    found = []
    while not until(found):
        found += mail.poll()
        time.sleep(1e-3)
    return found


for more in (1, 100, 5000, 1 << 20):
    if comm.rank:
        long = np.full(64 + 4 * d + more, 7, dtype=np.uint8)
        sent = comm.Isend([long, mpi.MPI.BYTE], 0, Lane.DATA)
        mail.send(0, Replica(more, buffer=Buffer(d).hold()))
        drive(lambda found: not mail.pending)
        comm.Barrier()
        continue
    found = drive(lambda found: len(found) == 2)
    for kind, (rank, message) in zip((MalformedMessage, Replica), found):
        if rank != 1 or type(message) is not kind or room[64 + 4 * d:].any():
            raise SystemExit(f'{{more}} bytes more: {{message!r}}')
    comm.Barrier()
'''


@pytest.mark.parametrize('d', [100, 50_000])
def test_nothing_is_written_behind_a_buffer(mpi, d, launch, folder):
    script = folder / 'overrun.py'
    script.write_text(OVERRUN.format(d=d))
    ended = launch(mpi, 2, script=script)
    assert ended.code == 0, ended.err
