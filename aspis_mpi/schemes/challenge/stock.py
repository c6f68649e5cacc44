"""The payloads of a step, and which of them stand their tests.

A payload is good when it is what its own sender's sketches add up to, and
when these are those that are believed, for every file in it.
"""

import numpy as np

from aspis_mpi.coding import challenge
from aspis_mpi.schemes.tables.payloads import (
    Payload, alike, files_in, satisfied, sketches, unbroken)


class Stock:
    """Payloads of this epoch, and of earlier ones if they were verified.

    Parameters
    ----------
    transfer : Challenged
    sketched : Sketched

    Attributes
    ----------
    kept, fresh : list of Payload
        Of earlier epochs, and of this one.
    usable : list of Payload
        Those of both that were good when they were looked at last.
    held : list of Payload
        Gradients of a file by exposed workers, of earlier epochs.
    """

    def __init__(self, transfer, sketched):
        self.kept, self.fresh, self.usable = [], [], []
        self.held = []
        self._transfer = transfer
        self._sketched = sketched
        # Those that were usable after the first epoch.
        self._first = None
        # Of this epoch: sketches, and who is what it showed, by worker.
        self._sketches, self._fits = {}, {}

    def take(self, arrived, vector):
        """Make the payloads of this epoch of the vectors in a `Round`.

        `vector`: given a worker and its buffer, the vector in it.
        """
        self.fresh = [self._payload(worker, arrived, vector)
                      for worker in sorted(arrived.buffers)]

    def _payload(self, worker, arrived, vector):
        state, decoding = arrived.state, arrived.decoding
        buffer = arrived.buffers[worker]
        files, weights = self._transfer.encoding(worker, state)
        return Payload(worker, files, weights, decoding.cover[files],
                       decoding.weights[:, worker],
                       self._transfer.undivided(state),
                       vector(worker, buffer), buffer)

    def lose(self, worker):
        """Forget a payload of this epoch."""
        self.fresh = [payload for payload in self.fresh
                      if payload.worker != worker]

    def sketch(self, secret):
        """Sketch the payloads of this epoch."""
        it = self._transfer
        self._sketches = sketches(self.fresh, it.copies, secret,
                                  it.n_sketches, it.scrutiny)

    def compare(self):
        """Find out which of them are what their senders have shown."""
        self._fits = self._test(self.fresh, self._transfer.scrutiny.passes,
                                all)

    def liars(self, believed):
        """Believed workers whose payload is not what they showed, (n,)."""
        guilty = self._test(
            [payload for payload in self.fresh if believed[payload.worker]
             and not self._fits[payload.worker]],
            self._transfer.scrutiny.guilty, any)
        return [worker for worker, proved in guilty.items() if proved]

    def _test(self, payloads, test, several):
        """Apply a test to payloads, or to their parts; bool by worker.

        False where one lacks its sketch, or its sender's answer.
        """
        found = dict.fromkeys((payload.worker for payload in payloads), False)
        answered = self._sketched.answered
        for some in alike(payload for payload in payloads
                          if payload.worker in self._sketches
                          and answered[payload.worker]):
            workers = [payload.worker for payload in some]
            own = self._sketched.of(workers,
                                    [payload.files for payload in some])
            rows = np.array([self._sketches[worker] for worker in workers])
            found |= zip(workers, satisfied(some, test, rows, own,
                                            several).tolist())
        return found

    def select(self, verdict, believed, arrived):
        """Choose those that may be used, earlier ones and new ones.

        Parameters
        ----------
        verdict : Verdict
        believed : ndarray of bool, shape (K,)
        arrived : Round
            Of this epoch.
        """
        good = _sound([payload for payload in self.fresh
                       if believed[payload.worker]
                       and self._fits[payload.worker]], verdict)
        state = arrived.state
        sent = state.finished & arrived.senders
        if state.has_owners:
            sent = state.owning
        self.usable = [payload for payload in self.kept
                       if self._agrees(payload, verdict)] + (
            unbroken(good, sent))

    def _agrees(self, payload, verdict):
        """True where what was verified earlier is what is believed now."""
        files, source = payload.files, verdict.source[payload.files]
        if (source < 0).any():
            return False
        label = self._sketched.label
        return bool((label(files, payload.worker)
                     == label(files, source)).all())

    def renew(self, exposed):
        """Keep what is usable for the next epoch, or shows who was wrong how.

        Parameters
        ----------
        exposed : ndarray of bool, shape (K,)
        """
        for payload in self.kept + self.fresh:
            if payload in self.usable:
                continue
            if exposed[payload.worker] and payload.file is not None:
                self.held.append(payload)
            else:
                payload.release()
        if self._first is None:
            self._first = self.usable
        self.kept, self.fresh = self.usable, []

    def later(self, n_files):
        """Files that are usable, but were not after the first epoch, (f,)."""
        first = self.usable if self._first is None else self._first
        return files_in([payload for payload in self.usable
                         if payload not in first], n_files)

    def release(self):
        """Give the buffers of earlier epochs back; forget all."""
        for payload in self.kept + self.held:
            payload.release()
        self.kept, self.fresh, self.usable, self.held = [], [], [], []


def _sound(payloads, verdict):
    """Payloads of files that are believed, with coefficients to be checked."""
    if not payloads:
        return payloads
    workers = np.repeat([payload.worker for payload in payloads],
                        [payload.files.size for payload in payloads])
    files = np.concatenate([payload.files for payload in payloads])
    weights = np.concatenate([payload.weights for payload in payloads])
    wrong = set(workers[~(verdict.contributors[files, workers]
                          & challenge.bounded(weights))].tolist())
    return [payload for payload in payloads if payload.worker not in wrong]
