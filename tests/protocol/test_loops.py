"""The loops of the ranks over a mail of a test's own: threads, no MPI."""

import inspect
import re
import subprocess
import sys
import threading
import time
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

from aspis_mpi import simulate
from aspis_mpi.assembly.wiring import Assembly
from aspis_mpi.backends.awake import AwakeClock
from aspis_mpi.backends.mail import Death, Mail, Rooms
from aspis_mpi.backends.mpi import server as rank_0
from aspis_mpi.backends.mpi.ending import UNANSWERED
from aspis_mpi.backends.mpi.server import ServerLoop
from aspis_mpi.backends.mpi.worker import WorkerLoop
from aspis_mpi.backends.signals import Signals
from aspis_mpi.errors import DONE, FAILED, MalformedMessage
from aspis_mpi.job import loading
from aspis_mpi.protocol.buffers import Pool
from aspis_mpi.protocol.messages import (
    FROM_SERVER, FROM_WORKER, Lane, Model, Vector)
from aspis_mpi.protocol.server.machine import ParameterServer
from tests.support.coded_jobs import NoKeeper
from tests.support.limits import HANGS
from tests.support.patience import SILENCES
from tests.support.signatures import plain


class Office:
    """What lies between ranks of one process: bytes, and who is there.

    Parameters
    ----------
    assembly : Assembly
    size : int
        Ranks.
    """

    def __init__(self, assembly, size):
        self.wire = assembly.wire()
        self.lines = {(here, there): deque()
                      for here in range(size) for there in range(size)}
        self.leaving, self.dead = set(), set()
        self.size = size
        # Rank 0 has ended: nobody waits for anybody any more.
        self.over = threading.Event()


class Threads(Mail):
    """The mail of one thread; what it is asked at the end is kept.

    Attributes
    ----------
    aborted, departed : list
    """

    def __init__(self, office, rank, known, peers, pool):
        self.rank, self.dead = rank, set()
        self.office, self._known, self._peers = office, known, peers
        self._rooms = Rooms(peers, office.wire.longest(known), pool)
        self.aborted, self.departed = [], []

    @property
    def pending(self):
        return 0

    def send(self, rank, message):
        wire = self.office.wire
        raw = (wire.stamp(message).tobytes() if isinstance(message, Vector)
               else wire.pack(message))
        self.put(rank, message.lane, raw)

    def put(self, rank, lane, raw):
        if rank not in self.dead:
            self.office.lines[self.rank, rank].append((lane, raw))

    def send_latest(self, rank, vector):
        self.send(rank, vector)

    def sending(self, rank, lane):
        return False

    def poll(self):
        arrived = []
        for rank in self._peers:
            line = self.office.lines[rank, self.rank]
            while line:
                arrived.append((rank, self._read(rank, *line.popleft())))
            if rank in self.office.dead - self.dead:
                self.dead.add(rank)
                arrived.append((rank, Death()))
        return arrived

    def _read(self, rank, lane, raw):
        room, buffer = self._rooms(rank, lane)
        room[:len(raw)] = np.frombuffer(raw, dtype=np.uint8)
        try:
            return self.office.wire.unpack(room, len(raw), self._known, lane,
                                            buffer)
        except MalformedMessage as error:
            if buffer is not None:
                buffer.release()
            return error

    def wait(self, pause, until, clock):
        pause(until - clock())

    def goodbye(self):
        self.office.leaving.add(self.rank)
        everybody = len(self.office.leaving) == self.office.size
        return everybody or self.office.over.is_set()

    def abort(self, code, reason):
        self.aborted.append((code, reason))

    def depart(self, code, patience=0.0):
        self.departed.append(code)


def work(mail, assembly, clock):
    """What each rank but 0 does; its exit code."""
    return WorkerLoop(mail, clock, Signals(), HANGS).run(
        lambda: assembly.worker(mail.rank - 1, clock))


class Ranks:
    """A whole run, each worker in a thread with parts of its own.

    Parameters
    ----------
    job : Job
    others : dict of int to callable, optional
        What some ranks do instead of `work`.
    clock : AwakeClock, optional
        Of rank 0; the others have the usual one.

    Attributes
    ----------
    codes : dict of int to int
        Exit code of each rank.
    mail : Threads
        Of rank 0.
    """

    def __init__(self, job, others=None, clock=None):
        assembly, clock = Assembly(job), clock or AwakeClock()
        size = assembly.job.n_workers + 1
        self.office, self.codes = Office(assembly, size), {}
        self.server = assembly.server(clock)
        self.mail = Threads(self.office, 0, FROM_WORKER, range(1, size),
                            assembly.incoming())
        threads = [threading.Thread(
            target=self._run, daemon=True, args=(
                rank, (others or {}).get(rank, work), Assembly(job),
                time.perf_counter))
            for rank in range(1, size)]
        for thread in threads:
            thread.start()
        self.codes[0] = ServerLoop(self.mail, self.server, NoKeeper(), clock,
                                   Signals()).run()
        self.office.over.set()
        for thread in threads:
            thread.join(HANGS)
            assert not thread.is_alive()

    def _run(self, rank, does, assembly, clock):
        mail = Threads(self.office, rank, FROM_SERVER, [0],
                       Pool(assembly.d))
        self.codes[rank] = does(mail, assembly, clock)

    @property
    def texts(self):
        return [event.text for event in self.server.notes.events]


@pytest.fixture
def job(tables):
    return lambda **sections: loading.from_tables(tables(**sections))


def test_the_loops_need_no_mpi():
    done = subprocess.run([sys.executable, '-c', '''
import sys
from aspis_mpi.backends.mpi import server, worker
print('mpi4py' in sys.modules)
'''], capture_output=True, text=True, timeout=HANGS)
    assert done.stdout.split() == ['False'], done.stderr


def test_every_method_of_a_mail_is_documented():
    assert inspect.isabstract(Mail)
    for name in Mail.__abstractmethods__:
        assert getattr(Mail, name).__doc__
        if inspect.isfunction(getattr(Mail, name)):
            assert plain(getattr(Threads, name)) == (
                plain(getattr(Mail, name))), name


@pytest.mark.parametrize('sections', [
    {}, {'adversary': {'count': 2, 'files': 'all', 'value': 'alie'}},
    {'scheme': {'name': 'robust-partial', 'adversaries': 1},
     'adversary': {'count': 1, 'value': 'constant'}},
    {'scheme': {'name': 'gradient-code', 'adversaries': 0},
     'collection': {'name': 'all'}}], ids=str)
def test_threads_give_the_bits_of_the_simulator(job, tmp_path, sections):
    it = Ranks(job(**sections))
    assert set(it.codes.values()) == {DONE} and len(it.codes) == 6
    assert not it.mail.aborted and not it.mail.departed
    _, path = simulate(job(**sections), out=tmp_path / 'run.h5')
    with np.load(path.with_suffix('.npz')) as model:
        assert it.server.parameters.values.tobytes() == (
            model['parameters'].tobytes())


# --- what goes wrong -----------------------------------------------------

def test_a_worker_that_raises_is_told_to_the_server(job):
    def fails(mail, assembly, clock):
        def raises():
            raise MemoryError('no room for the data set')
        return WorkerLoop(mail, clock, Signals(), HANGS).run(raises)
    it = Ranks(job(), {3: fails})
    assert set(it.codes.values()) == {FAILED}
    assert any('no room for the data set' in text for text in it.texts)


def test_what_is_no_message_is_told_to_the_server(job):
    def babbles(mail, assembly, clock):
        mail.put(0, Lane.CONTROL, b'junk')
        mail.put(0, Lane.DATA, bytes(100))
        return work(mail, assembly, clock)
    it = Ranks(job(), {2: babbles})
    assert set(it.codes.values()) == {DONE}
    assert sum('worker 1 sent a malformed message' in text
               for text in it.texts) == 1


def test_a_death_costs_one_worker(job):
    """The others go on, and rank 0 does not wait for all to end."""
    def dies(mail, assembly, clock):
        while not any(isinstance(message, Model)
                      for _, message in mail.poll()):
            time.sleep(1e-3)
        mail.office.dead.add(mail.rank)
        return None
    it = Ranks(job(faults={'tolerate': 1}), {5: dies})
    assert {it.codes[rank] for rank in range(5)} == {DONE}
    assert any('rank 5 (worker 4) has died' in text for text in it.texts)
    assert it.mail.departed == [DONE] and not it.mail.aborted


def test_who_never_says_goodbye_is_ended(job, monkeypatch):
    monkeypatch.setattr(rank_0, 'GRACE', 0.2)
    monkeypatch.setattr(ParameterServer, 'silence', 0.3)

    def hangs(mail, assembly, clock):
        """All its work, and then nothing."""
        mail.goodbye = lambda: mail.office.over.is_set()
        return work(mail, assembly, clock)
    it = Ranks(job(), {1: hangs})
    assert it.mail.aborted == [(DONE, UNANSWERED.format(0.3))]


class Stopped(AwakeClock):
    """The clock of a rank 0 that is stopped once, when it has been told to.

    That is while it listens, as it is then that it asks.
    """

    due, stopped = False, 0.0

    def __init__(self):
        super().__init__(lambda: time.perf_counter() + self.stopped)

    def stood_still(self):
        if self.due:
            self.stopped = 1000.0
        return super().stood_still()


def test_a_rank_0_that_was_stopped_in_a_step_calls_nobody_silent(job):
    """Nor slow: all that is left out, and told."""
    rank_0_s = Stopped()

    def dozes(mail, assembly, clock):
        poll = mail.poll

        def late():
            arrived = poll()
            if any(isinstance(message, Model) for _, message in arrived):
                rank_0_s.due = True
                while not rank_0_s.stopped:
                    time.sleep(1e-3)
            return arrived
        mail.poll = late
        return work(mail, assembly, clock)
    it = Ranks(job(), {3: dozes}, rank_0_s)
    assert set(it.codes.values()) == {DONE}
    # A busy machine may stop it besides.
    told = [re.match('rank 0 did not run for (.*) s: nobody is', text)
            for text in it.texts]
    assert 999 < max(float(it[1]) for it in told) < 1000 + HANGS
    assert sum(record.seconds_step
               for record in it.server.notes.records) < HANGS


@pytest.fixture
def lingering(job, monkeypatch):
    """A run at whose end rank 0 has to look often, by a clock of its own.

    That counts the seconds which pass while it sleeps so many times.
    """
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        time.sleep(seconds)

    def lingers(mail, assembly, clock):
        goodbye = mail.goodbye
        mail.goodbye = lambda: len(slept) > 5 and goodbye()
        return work(mail, assembly, clock)

    def run(seconds, **sections):
        monkeypatch.setattr(rank_0, 'time', SimpleNamespace(
            sleep=sleep, monotonic=lambda: seconds(len(slept))))
        it = Ranks(job(**sections), {1: lingers})
        assert len(slept) > 5
        return it
    return run


def test_a_rank_0_that_was_stopped_itself_waits_for_goodbyes(lingering):
    """As with all of a job that is suspended for a while."""
    it = lingering(lambda count: 1000.0 * min(count, 3))
    assert set(it.codes.values()) == {DONE} and not it.mail.aborted


def test_a_worker_in_the_midst_of_a_file_is_waited_for(lingering,
                                                       monkeypatch):
    """As long as it would be if that were needed."""
    monkeypatch.setattr(rank_0, 'GRACE', 0.0)
    it = lingering(lambda count: 1e-3 * count)
    assert set(it.codes.values()) == {DONE} and not it.mail.aborted


def test_a_worker_without_rank_0_ends(job):
    """Rank 0 has died; or it lives and does not answer what is wrong."""
    def raises():
        raise MemoryError('no room')
    it = job()
    for patience, dead in ((HANGS, {0}), (0.1, set())):
        office = Office(Assembly(it), 6)
        office.dead |= dead
        mail = Threads(office, 1, FROM_SERVER, [0], Pool(12))
        office.leaving |= set(range(6))
        loop = WorkerLoop(mail, time.perf_counter, Signals(), patience)
        assert loop.run(raises) == FAILED
        assert mail.departed == [FAILED] * len(dead)
        assert [code for code, _ in mail.aborted] == [FAILED] * (not dead)


def test_a_worker_without_work_waits_for_the_end(job):
    def idles(mail, assembly, clock):
        return WorkerLoop(mail, clock, Signals(), HANGS).stand_by()
    for silence in SILENCES:
        it = Ranks(job(faults={'silence': silence}), {4: idles})
        if set(it.codes.values()) == {DONE}:
            break
    assert set(it.codes.values()) == {DONE}
    assert any('worker 3 was silent' in text for text in it.texts)
