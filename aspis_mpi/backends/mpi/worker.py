"""Every other rank under MPI: drives one worker until it is told to end."""

import logging
import time

import numpy as np

from aspis_mpi.backends.mail import Death
from aspis_mpi.backends.pause import Pause
from aspis_mpi.errors import FAILED, MalformedMessage, Mistake, Orphaned
from aspis_mpi.learning.guard.mistake import told
from aspis_mpi.protocol.messages import (
    Failure, Lane, Progress, Signal, Stop, Vector)

log = logging.getLogger(__name__)


class WorkerLoop:
    """Every other rank: drives one worker until the server stops it.

    Parameters
    ----------
    mail : Mail
        To and from rank 0.
    clock : callable
        Seconds, the same that the worker reads.
    signals : Signals
        What this rank is asked from outside.
    linger : float
        Seconds in which rank 0 has to answer a rank that cannot go on;
        infinite where the run can do without it.
    """

    def __init__(self, mail, clock, signals, linger):
        self._mail = mail
        self._signals = signals
        self._linger = linger
        self._clock = clock
        self._report = None

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
        except Orphaned:
            code = self._mourn()
        except Mistake as mistake:
            # Rank 0 says it, once.
            code = self._fail(worker, str(mistake))
        except BaseException as error:
            text = told(error)
            log.error('rank %d failed:\n%s', self._mail.rank, text)
            code = self._fail(worker, text)
        self._leave(code)
        return code

    def stand_by(self):
        """Do nothing until the end of a run that has no work for this rank.

        Returns
        -------
        int
            The exit code.
        """
        try:
            code = self._idle()
        except Orphaned:
            code = self._mourn()
        self._leave(code)
        return code

    def _idle(self):
        """Wait for `Stop`; its code."""
        pause, code = Pause(), None
        while code is None:
            if self._signals.taken():
                self._mail.send(0, Signal(-1, position=self._signals.number))
            self._mail.wait(pause, np.inf, self._clock)
            code = self._drain()
        return code

    def _drive(self, worker):
        pause = Pause()
        while worker.exit_code is None:
            messages = self._receive()
            for message in messages:
                # A second `Stop`, of a rank 0 that fails at the very end,
                # may come with the first.
                if worker.exit_code is None:
                    worker.handle(message)
            if self._signals.taken():
                self._mail.send(0, Signal(worker.turn,
                                          position=self._signals.number))
            due = worker.due
            said = worker.advance() if due <= self._clock() else None
            if said is not None:
                self._say(said)
            self._say_latest()
            if messages or said is not None:
                pause.reset()
            if worker.computes or worker.exit_code is not None:
                continue
            due = worker.due
            if due > self._clock():
                worker.prepare()
                self._mail.wait(pause, due, self._clock)
            elif not messages and said is None:
                pause()             # no buffer is free

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
        """Messages that the server has sent since the last call."""
        messages = [message for _, message in self._mail.poll()
                    if not isinstance(message, Death)]
        if 0 in self._mail.dead:
            raise Orphaned
        for message in messages:
            if isinstance(message, MalformedMessage):
                raise message
        return messages

    def _fail(self, worker, text):
        """Tell the server why this rank ends, and wait for its `Stop`.

        Where the run can do without this rank, it comes when all is over.
        """
        turn = -1 if worker is None else worker.turn
        self._mail.send(0, Failure(turn, text=text.encode()))
        end = time.monotonic() + self._linger
        try:
            while time.monotonic() < end:
                code = self._drain()
                if code is not None:
                    return code
                time.sleep(1e-3)
        except Orphaned:
            return self._mourn()
        self._mail.abort(FAILED, f'rank 0 does not answer to:\n{text}')
        return FAILED

    def _drain(self):
        """Do nothing with what comes; the code of a `Stop` among it."""
        code = None
        for message in self._receive():
            if isinstance(message, Stop):
                code = message.position
            if isinstance(message, Vector):
                message.buffer.release()
        return code

    def _mourn(self):
        log.error('rank %d ends, since rank 0 is gone', self._mail.rank)
        return FAILED

    def _leave(self, code):
        """Let everything leave, say goodbye, wait until all have.

        Rank 0 saves the model in the meantime; it is the one that aborts.
        """
        mail = self._mail
        while not mail.dead and (mail.pending or not mail.goodbye()):
            for _, message in mail.poll():
                if isinstance(message, Vector):
                    message.buffer.release()
            time.sleep(5e-4)
        if mail.dead:
            mail.depart(code)
