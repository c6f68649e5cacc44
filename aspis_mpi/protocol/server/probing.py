"""The start-up probe: every rank computes the same files before step 0.

Which files, `aspis_mpi.detection.probe.trials` says from the job alone, so
that both sides know how long an answer is.
"""

import logging
from dataclasses import replace

import numpy as np

from aspis_mpi.detection.probe import ANSWER, answer, examine
from aspis_mpi.protocol.messages import Parameters, Probe
from aspis_mpi.protocol.server.stage import Stage
from aspis_mpi.protocol.server.states import State
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.streams import unforeseen

#: The step and the turn of everything that belongs to the probe.
NUMBER = -1
#: A worker may take so many times as long as the server and some silence.
SLOWER = 10


class Probing(Stage):
    """The server's part, in the place of a step.

    Parameters
    ----------
    trials : list of (int, int)
        Step and number of the files that everybody computes.
    auditor : Auditor
        Computes files on the server.
    allowance : Allowance
        By how much the machines may differ.
    q : int
        Workers that may be wrong, or not answer.
    notes : Notes
    lost : ndarray of bool, shape (K,)
        Workers that have gone for good; it changes.

    Attributes
    ----------
    refused : str
        Why the run cannot begin; empty if it can.
    equality : Equality or None
        When replicas are equal, once that is known.
    """

    name = 'the start-up probe'
    number = turn = NUMBER

    def __init__(self, trials, auditor, allowance, q, notes, lost):
        n_workers = len(lost)
        self.state = State.PROBING
        self._lost = lost
        self.refused = ''
        self.equality = None
        self.living = ~lost
        self.awaited = self.living.copy()
        self.excluded = np.zeros(n_workers, dtype=bool)
        self.silent = self.excluded.copy()
        self.noted = set()
        self.bytes_in = self.messages = 0
        self._trials = trials
        self._answers = np.zeros((n_workers, len(trials)), dtype=ANSWER)
        self._own = None
        self._auditor = auditor
        self._allowance = allowance
        self._q = q
        self._note = notes.note
        self._now = notes.now
        self._since = notes.now()
        self._seed = unforeseen(16)

    def announce(self, workers, parameters):
        """Ask workers what they compute at the initial parameters."""
        self._parameters = parameters.values
        messages = Probe(NUMBER, seed=self._seed), Parameters(
            NUMBER, buffer=parameters)
        return [(worker, message)
                for worker in workers for message in messages]

    def handle(self, worker, message):
        """Take an answer."""
        if self.awaited[worker]:
            raw = message.buffer.values.view(np.uint8)
            self._answers[worker] = raw.view(ANSWER)
            self.awaited[worker] = False
        message.buffer.release()
        return []

    def blame(self, worker, reason):
        """Nothing: there is no step yet in which it could be exposed."""

    def miss(self, worker):
        """Nothing: there is no step yet in which it could be missing."""

    def expire(self):
        """Nothing: there is no deadline but that of silence."""
        return []

    def admit(self, workers):
        """Nothing: nobody is left out of it."""
        return []

    def excuse(self, workers):
        """Nothing: nobody is late."""
        return []

    def lose(self, workers):
        """Go on without workers that are silent or sent what is no answer."""
        for worker in workers:
            self.living[worker] = self.awaited[worker] = False
        return []

    def silence(self, worker):
        """Take note of it; what a silent worker was doing, for people."""
        self.silent[worker] = True
        return f'in {self.name}'

    def alarm(self, silence):
        """The second at which whoever has not answered is silent."""
        return self._since + silence if self.awaited.any() else np.inf

    def overdue(self, now, silence):
        """Workers that have been silent for so many seconds, bool (K,)."""
        return self.awaited & (now >= self._since + silence)

    def tardy(self, now):
        """Nobody is late, bool (K,)."""
        return np.zeros_like(self.awaited)

    @property
    def due(self):
        """True if there is something to compute, and nothing to wait for."""
        return self._own is None or not self.awaited.any()

    def proceed(self, audit):
        """Compute the server's own answer, or judge all of them."""
        if self._own is None:
            self._compute()
        else:
            self._judge()
        return []

    def _compute(self):
        began = self._now()
        self._own = answer((self._auditor.gradient(
            step, file, self._parameters) for step, file in self._trials),
            self._seed, self._auditor.tensors)
        # The others have so much longer: ranks may share cores.
        now = self._now()
        self._since = now + SLOWER * (now - began)

    def _judge(self):
        answers = self._answers[self.living]
        missing = np.count_nonzero(~self.living & ~self._lost)
        if missing > self._q:
            self.refused = (f'{missing} workers have not said what they '
                            'compute at the start, more than '
                            f'scheme.adversaries = {self._q}')
            return
        if len(answers) <= self._q - missing:
            self.refused = (f'{len(answers)} workers have said what they '
                            f'compute at the start, {self._q - missing} of '
                            'which may be wrong')
            return
        try:
            probe = examine(self._own, answers, self._q - missing,
                            self._auditor.tensors)
            probe = replace(probe, differing=_placed(
                probe.differing, self.living, False), deviations=_placed(
                probe.deviations, self.living, np.nan))
            self.equality = self._allowance.settle(probe)
        except ValueError as error:
            self.refused = str(error)
            return
        self._note(logging.INFO, EventCode.PROBE,
                   f'start-up probe: {len(answers)} workers computed '
                   f'{len(self._own)} files; {probe}; {self.equality}')


def _placed(values, living, other):
    """Entries of the living workers at their places, (K,)."""
    placed = np.full(len(living), other, dtype=values.dtype)
    placed[living] = values
    return placed
