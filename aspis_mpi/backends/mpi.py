"""The only MPI: rank 0 drives the server, every other rank one worker.

Each side has room for one message per peer and lane, of fixed size, and
asks instead of blocking; a rank with nothing to do sleeps for longer and
longer, up to half a millisecond, so that oversubscribed cores belong to the
ranks that compute.  Rank 0 never waits without a bound, and the others rely
on it: a run that cannot end in order within `GRACE` seconds is aborted with
its exit code.
"""

import logging
import time
import traceback
from contextlib import contextmanager

import numpy as np

from aspis_mpi.backends.mpi_mailbox import MPI, Mailbox
from aspis_mpi.protocol.messages import (
    FROM_SERVER, FROM_WORKER, Failure, Lane, MalformedMessage, Progress, Stop,
    Vector)
from aspis_mpi.protocol.server import FAILED

log = logging.getLogger(__name__)

#: Seconds that a rank in trouble waits for the others before it aborts.
GRACE = 5.0

#: Seconds of a waiting rank's sleeps.
SHORTEST, LONGEST = 1.25e-4, 5e-4

#: A rank 0 that did not look for so many seconds was busy itself.
TICK = 0.1


class Pause:
    """Sleeps of a rank that waits: few of them, and little too long.

    Each is an eighth of the time waited so far, within bounds.  A sleep
    costs an oversubscribed core some 20 us, as much as a worker's part in a
    small step; one that is too long holds up everybody else.
    """

    def __init__(self):
        self._since = None

    def reset(self):
        """Something happened."""
        self._since = None

    def __call__(self, most=LONGEST):
        """Sleep once, for `most` seconds at the most."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        span = min(max((now - self._since) / 8, SHORTEST), LONGEST, most)
        if span > 0:
            time.sleep(span)


class ServerLoop:
    """Rank 0: drives the parameter server until it stops.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    server : ParameterServer
    journal : Journal
    wire : Wire
    pool : Pool
        Buffers for what comes in.
    clock : callable
        Seconds, the same that the server reads.
    """

    def __init__(self, comm, server, journal, wire, pool, clock):
        self._comm = comm
        self._clock = clock
        self._listen_until = 0.0
        self._server = server
        self._journal = journal
        self._pool = pool
        self._control = np.empty(
            (server.n_workers, wire.longest(FROM_WORKER)), dtype=np.uint8)
        self._mail = Mailbox(comm, wire, FROM_WORKER,
                             range(1, server.n_workers + 1), self._room)

    def run(self, save=None):
        """Drive the run to its end.

        Parameters
        ----------
        save : callable, optional
            Called when the run is over, before any rank is waited for: what
            it saves is not lost when one of them never answers.

        Returns
        -------
        int
            The exit code.
        """
        try:
            self._journal.begin()
            self._send(self._server.start())
            self._drive()
        except BaseException:
            self._fail(traceback.format_exc())
        if save is not None:
            save()
        code = self._server.exit_code
        if not self._leave():
            abort(self._comm, code)
        return code

    def _drive(self):
        server, pause = self._server, Pause()
        looked = self._clock()
        while server.exit_code is None:
            step = server.step
            if self._poll():
                pause.reset()
            else:
                pause(max(server.deadline, self._listen_until)
                      - self._clock())
            now = self._clock()
            if now - looked > TICK:
                # Busy itself, it has not heard who was silent: listen first.
                self._listen_until = now + min(now - looked, GRACE)
            looked = now
            if max(server.deadline, self._listen_until) <= now:
                self._answer(server.tick())
            if server.step != step or server.chronicle.events:
                self._journal.catch_up()
        self._journal.catch_up()

    def _poll(self):
        """Hand over what has come in; whether anything has."""
        arrived = self._mail.poll()
        for rank, message in arrived:
            self._take(rank - 1, message)
        return bool(arrived)

    def _take(self, worker, message):
        if isinstance(message, MalformedMessage):
            out = self._server.malformed(worker, str(message), message.step)
        else:
            out = self._server.handle(worker, message)
        self._answer(out)

    def _answer(self, messages):
        """Send what the server says, and let it compute what is due."""
        self._send(messages)
        while self._server.due:
            self._send(self._server.proceed())

    def _room(self, rank, lane):
        """Where a message of a worker goes, also one that nobody wants."""
        if lane is Lane.CONTROL:
            return self._control[rank - 1], None
        buffer = self._pool.take()
        return buffer.raw, buffer

    def _send(self, messages):
        for worker, message in messages:
            if isinstance(message, Vector):
                self._mail.send_latest(worker + 1, message)
            else:
                self._mail.send(worker + 1, message)

    def _fail(self, text):
        self._send(self._server.stop(FAILED, f'rank 0 failed:\n{text}'))
        try:
            self._journal.catch_up()
        except Exception:
            log.error(text)
            log.exception('the run log lacks the last step and this failure')

    def _leave(self):
        """Say goodbye while late messages drain; whether all answered."""
        end = time.monotonic() + GRACE
        goodbye = self._comm.Ibarrier()
        while self._mail.pending or not goodbye.Test():
            if time.monotonic() > end:
                return False
            self._poll()
            time.sleep(5e-4)
        return True


class WorkerLoop:
    """Every other rank: drives one worker until the server stops it.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    wire : Wire
    pool : Pool
        Buffers for the parameters that come in.
    clock : callable
        Seconds, the same that the worker reads.
    """

    def __init__(self, comm, wire, pool, clock):
        self._comm = comm
        self._clock = clock
        self._report = None
        self._pool = pool
        self._control = np.empty(wire.longest(FROM_SERVER), dtype=np.uint8)
        self._mail = Mailbox(comm, wire, FROM_SERVER, [0], self._room)

    def run(self, make_worker):
        """Make the worker and drive it to the end of the run.

        Parameters
        ----------
        make_worker : callable
            Answers the Worker; what it raises ends the whole run.

        Returns
        -------
        int
            The exit code.
        """
        worker = None
        try:
            worker = make_worker()
            self._drive(worker)
            code = worker.exit_code
        except BaseException:
            step = -1 if worker is None else worker.step
            code = self._fail(step, traceback.format_exc())
        self._leave()
        return code

    def _drive(self, worker):
        pause = Pause()
        while worker.exit_code is None:
            messages = self._receive()
            for message in messages:
                worker.handle(message)
            due = worker.due
            said = worker.advance() if due <= self._clock() else None
            if said is not None:
                self._say(said)
            self._say_latest()
            if messages or said is not None or worker.computes:
                pause.reset()
            elif due <= self._clock():
                pause()             # no buffer is free
            else:
                self._mail.wait(pause, worker.due, self._clock)

    def _say(self, message):
        """Send a message; of progress only the latest that can leave."""
        if isinstance(message, Progress):
            self._report = message
            return
        self._say_latest()
        self._mail.send(0, message)
        message.buffer.release()

    def _say_latest(self):
        if self._report is not None and not self._mail.sending(
                0, Lane.CONTROL):
            self._mail.send(0, self._report)
            self._report = None

    def _receive(self):
        """What the server has sent since the last call."""
        messages = [message for _, message in self._mail.poll()]
        for message in messages:
            if isinstance(message, MalformedMessage):
                raise message
        return messages

    def _room(self, rank, lane):
        """Where a message of the server goes."""
        if lane is Lane.CONTROL:
            return self._control, None
        buffer = self._pool.take()
        return buffer.raw, buffer

    def _fail(self, step, text):
        """Tell the server why this rank ends, and wait for its `Stop`.

        A server that is busy itself is not waited for.
        """
        log.error('rank %d failed:\n%s', self._comm.rank, text)
        self._mail.send(0, Failure(step, text=text.encode()))
        end = time.monotonic() + GRACE
        while time.monotonic() < end:
            for message in self._receive():
                if isinstance(message, Stop):
                    return message.position
                if isinstance(message, Vector):
                    message.buffer.release()
            time.sleep(1e-3)
        abort(self._comm, FAILED)
        return FAILED

    def _leave(self):
        """Let everything leave, say goodbye, wait until all have.

        Rank 0 saves the model in the meantime; it is the one that aborts.
        """
        goodbye = None
        while goodbye is None or not goodbye.Test():
            if goodbye is None and not self._mail.pending:
                goodbye = self._comm.Ibarrier()
            for _, message in self._mail.poll():
                if isinstance(message, Vector):
                    message.buffer.release()
            time.sleep(5e-4)


def abort(comm, code):
    """End every rank now: some did not answer."""
    log.error('rank %d aborts the job: not every rank answered within %g s',
              comm.rank, GRACE)
    comm.Abort(code)


@contextmanager
def guard(comm):
    """End every rank when this one raises where no loop is running."""
    try:
        yield
    except BaseException:
        log.error('rank %d failed:\n%s', comm.rank, traceback.format_exc())
        comm.Abort(FAILED)


def agree(comm, code, text):
    """Exit code, rank and text of the first rank that cannot begin.

    Called by every rank, with 0 where nothing is in the way.  A launcher
    need not notice a rank that ends before MPI has started, and the others
    would wait for it in vain; so it tells them.

    Returns
    -------
    code, rank : int
        0 and 0 when all can begin.
    text : str
    """
    codes = np.empty(comm.size, dtype=np.int32)
    comm.Allgather(np.array([code], dtype=np.int32), codes)
    if not codes.any():
        return 0, 0, ''
    rank = int(np.flatnonzero(codes)[0])
    raw = _fixed(text, 4096)
    comm.Bcast(raw, rank)
    return int(codes[rank]), rank, _text(raw)


def library():
    """Name and version of the MPI library, one line."""
    return MPI.Get_library_version().partition('\n')[0].strip('\0 ,')


def gather_text(comm, text, room=512):
    """A short text of every rank, on rank 0; empty elsewhere.

    Texts have a fixed size and nothing is unpickled.
    """
    rows = np.empty((comm.size, room), np.uint8) if not comm.rank else None
    comm.Gather(_fixed(text, room), rows)
    return [] if rows is None else [_text(row) for row in rows]


def _fixed(text, room):
    """A text as an array of uint8 of a size that all ranks know."""
    raw = text.encode(errors='replace')[:room].ljust(room, b'\0')
    return np.frombuffer(raw, dtype=np.uint8).copy()


def _text(raw):
    return raw.tobytes().rstrip(b'\0').decode('utf-8', errors='replace')


def hosts(comm):
    """Host name of every rank, on rank 0."""
    return gather_text(comm, MPI.Get_processor_name())


def world():
    """A communicator of our own over all ranks, whose errors raise."""
    return MPI.COMM_WORLD.Dup()
