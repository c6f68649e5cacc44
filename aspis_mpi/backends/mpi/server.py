"""Rank 0 under MPI: drives the parameter server and never waits in vain."""

import logging
import time
from functools import partial

from aspis_mpi.backends.mail import Death
from aspis_mpi.backends.mpi.ending import GRACE, LAST, UNANSWERED
from aspis_mpi.backends.pause import Pause
from aspis_mpi.errors import (
    FAILED, INTERRUPTED, MalformedMessage, Mistake, Unwritable)
from aspis_mpi.learning.guard.mistake import told
from aspis_mpi.protocol.messages import Model, Vector
from aspis_mpi.protocol.server.drive import drive

log = logging.getLogger(__name__)

#: A rank 0 that did not look for so many seconds was busy itself.
TICK = 0.01


class ServerLoop:
    """Rank 0: drives the parameter server until it stops.

    Parameters
    ----------
    mail : Mail
        To and from the ranks of the workers, which are one higher.
    server : ParameterServer
    keeper : Keeper
    clock : AwakeClock
        The same that the server reads.
    signals : Signals
        What this rank is asked from outside.
    """

    def __init__(self, mail, server, keeper, clock, signals):
        self._mail = mail
        self._signals = signals
        self._clock = clock
        self._listen_until = 0.0
        self._server = server
        self._keeper = keeper

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
            self._keeper.begin()
            self._send(self._server.start())
            self._drive()
        except Mistake as mistake:
            self._fail(mistake, self._server.fail)
        except Unwritable as error:
            self._fail(error)
        except BaseException as error:
            self._fail(told(error))
        code = self._server.exit_code
        try:
            if save is not None:
                save()
        except OSError as error:
            log.error('rank 0 cannot save all of the run: %s', error)
            code = FAILED
        except Mistake:
            code = FAILED       # the log says it
        except Exception:
            log.exception('rank 0 cannot save all of the run')
            code = FAILED
        self._leave(code)
        return code

    def _drive(self):
        server, pause = self._server, Pause()
        self._clock.listen()
        looked = self._clock()
        while server.exit_code is None:
            step = server.step
            if self._poll():
                pause.reset()
            else:
                pause(max(server.deadline, self._listen_until)
                      - self._clock())
            now, stood = self._clock(), self._clock.stood_still()
            if stood:
                server.stood_still(stood)
            deaf, looked = now - looked + stood, now
            if deaf > TICK:
                # It has not heard who was silent: listen first.
                self._listen_until = now + min(deaf, GRACE)
            if max(server.deadline, self._listen_until) <= now:
                self._answer(server.tick())
            self._heed()
            if (server.step != step or server.notes.events
                    or self._keeper.late):
                self._clock.work()
                self._keeper.catch_up()
                self._clock.listen()
        self._keeper.catch_up()

    def _heed(self):
        """End the run after this step if asked to, at once if asked twice."""
        if self._signals.taken():
            self._answer(self._server.interrupt(
                f'rank 0 was sent {self._signals.name}',
                self._signals.again))

    def _poll(self):
        """Hand over what has come in; whether anything has."""
        arrived = self._mail.poll()
        for rank, message in arrived:
            self._take(rank - 1, message)
        return bool(arrived)

    def _take(self, worker, message):
        if isinstance(message, Death):
            out = self._server.lose(worker, f'rank {worker + 1} (worker '
                                    f'{worker}) has died')
        elif isinstance(message, MalformedMessage):
            out = self._server.malformed(worker, str(message), message.turn)
        else:
            out = self._server.handle(worker, message)
        self._answer(out)

    def _answer(self, messages):
        """Send what the server says, and let it compute what is due."""
        if messages or self._server.due:
            self._clock.work()
            drive(self._server, messages, self._tell)
            self._clock.listen()

    def _tell(self, messages):
        """Send what the server says; a run that is to go on is secured."""
        if messages and self._server.exit_code == INTERRUPTED:
            messages = self._keeper.secure(messages)
        self._send(messages)

    def _send(self, messages):
        mail, held = self._mail, None
        for worker, message in messages:
            if isinstance(message, Model):
                # Its parameters follow.
                held = message
            elif held is not None:
                mail.send_both(worker + 1, held, message)
                held = None
            elif isinstance(message, Vector):
                mail.send_latest(worker + 1, message)
            else:
                mail.send(worker + 1, message)

    def _fail(self, text, end=None):
        """End the run, by default without a snapshot, and say why."""
        end = end or partial(self._server.stop, FAILED)
        self._send(end(f'rank 0 failed:\n{text}'))
        try:
            self._keeper.catch_up()
        except Unwritable:
            log.error(text)
        except Exception:
            log.error(text)
            log.exception('the run log lacks the last step and this failure')

    def _leave(self, code):
        """Say goodbye while late messages drain, to all that can answer."""
        mail, waited, looked = self._mail, 0.0, time.monotonic()
        while mail.pending or not (mail.dead or mail.goodbye()):
            # As long as it was stopped itself it could not hear the others.
            now = time.monotonic()
            waited, looked = waited + min(now - looked, TICK), now
            most = self._patience(code)
            if waited > most:
                mail.abort(code, UNANSWERED.format(most))
                return
            self._poll()
            time.sleep(5e-4)
        if mail.dead:
            mail.depart(code, LAST)

    def _patience(self, code):
        """Seconds in which all who live can be expected to say goodbye.

        Who is not silent may be in the midst of a file that nobody waits for
        any more; a run that fails, or is to end at once, does not wait.
        """
        server = self._server
        if code == FAILED or self._signals.again or server.misses:
            return GRACE
        return max(GRACE, server.silence)
