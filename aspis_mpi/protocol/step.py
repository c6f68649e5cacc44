"""What belongs to one step of the parameter server."""

import numpy as np

from aspis_mpi.detection.base import DROPPED, MISSING
from aspis_mpi.protocol.messages import pack_positions
from aspis_mpi.schemes.record import StepRecord


class Step:
    """One step of the server: replaced by the next one, never reset.

    Parameters
    ----------
    number : int
    table : ReplicaTable or PayloadTable
        What has arrived, as the transfer keeps it.
    gathering : Gathering
        Who has finished what, as the collection counts it.
    order : ndarray of int32, shape (K, l)
        Files of each worker in this step's order of computing.
    loads : ndarray of int, shape (K,)
    started : float
        Seconds, when `Model` was sent.

    Attributes
    ----------
    finished : list of int
        Bits of each worker: which positions of its order are done.
    done : ndarray of int, shape (K,)
        How many.
    awaited : ndarray of bool, shape (K,)
        Who owes the vector that was asked for at second `asked` in epoch
        `asked_in`.
    epoch : int
        Of the last signal; -1 before the first.
    encoded, collected : float
        Seconds when the first signal left, and when nothing was awaited any
        more.
    """

    def __init__(self, number, table, gathering, order, loads, started):
        n_workers = len(loads)
        self.number = number
        self.table = table
        self.gathering = gathering
        self.excluded = ~gathering.living
        self.started = started
        self.resumed = started
        self.finished = [0] * n_workers
        self.done = np.zeros(n_workers, dtype=np.int64)
        self.first_report = np.full(n_workers, np.nan)
        self.last_report = np.full(n_workers, np.nan)
        self.exposed = np.zeros(n_workers, dtype=bool)
        self.skipped = None
        self.epoch = -1
        self.awaited = np.zeros(n_workers, dtype=bool)
        self.asked = np.full(n_workers, np.nan)
        self.asked_in = np.full(n_workers, -1)
        self.encoded = self.collected = np.nan
        self.noted = set()
        self.bytes_in = self.bytes_out = self.messages = 0
        self._order = order
        self._loads = loads
        self._shown = None

    @property
    def living(self):
        """Who takes part and was not given up, bool (K,)."""
        return self.gathering.living

    def owes(self, worker):
        """Whether a worker may still finish files."""
        return bool(self.living[worker]
                    and self.done[worker] < self._loads[worker])

    def waiting(self):
        """Workers that could finish files that are wanted, bool (K,)."""
        owing = self.living & (self.done < self._loads)
        if self.skipped is None:
            return owing
        wanted = ~self.gathering.finished & ~self.skipped[:, None]
        files = np.maximum(self._order, 0)
        held = self._order >= 0
        workers = np.arange(len(owing))[:, None]
        return owing & (wanted[files, workers] & held).any(axis=1)

    def check(self, worker, bits, count, ordered):
        """Why an honest worker cannot have sent this progress, or ''."""
        if bits.bit_count() != count:
            return f'{count} files finished, but {bits.bit_count()} named'
        if bits >> int(self._loads[worker]):
            return f'files finished beyond its {self._loads[worker]}'
        if self.finished[worker] & ~bits:
            return f'{count} files finished after {self.done[worker]}'
        if ordered and bits & (bits + 1):
            return 'files finished out of their order'
        return ''

    def report(self, worker, bits, now):
        """Take note of what a worker has finished in all.

        Returns
        -------
        list of int
            The files that have enough copies from now on.
        """
        order, new = self._order[worker], bits & ~self.finished[worker]
        files = []
        while new:
            low = new & -new
            files.append(int(order[low.bit_length() - 1]))
            new ^= low
        self.finished[worker] = bits
        self.done[worker] += len(files)
        since = now - self.started
        if np.isnan(self.first_report[worker]):
            self.first_report[worker] = since
        self.last_report[worker] = since
        return self.gathering.finish(worker, files)

    def ask(self, asked, senders, now):
        """A signal leaves, to some of those who are to send by it."""
        self.asked_in[asked] = self.epoch
        self.asked[asked] = now
        self.awaited = (self.awaited | asked) & senders
        if self._shown is None:
            # What counts is what was there at the first signal.
            self.encoded, self._shown = now, self.done.copy()

    def packed(self, worker):
        """Positions that a worker has finished, as packed bits (l)."""
        return pack_positions(self.finished[worker],
                              (self._order.shape[1] + 7) // 8)

    def heard(self):
        """When each worker last showed a sign of life."""
        last = self.started + np.nan_to_num(self.last_report, nan=0.0)
        return np.maximum(last, self.resumed)

    def record(self, resolution, *, lr, gradient_norm, seconds_update,
               seconds_step):
        """The row of this step in the run log.

        Parameters
        ----------
        resolution : Resolution
        lr, gradient_norm : float
            NaN if the step made no update.
        seconds_update, seconds_step : float

        Returns
        -------
        StepRecord
        """
        verdict = resolution.verdict
        signal = (self.collected if np.isnan(self.encoded)
                  else self.encoded)
        return StepRecord(
            step=self.number, loss=np.nan, lr=lr,
            gradient_norm=gradient_norm, residual=resolution.residual,
            hidden_bias=0.0, verdict=resolution.outcome,
            epochs=max(self.epoch, 0) + 1, audits=0,
            files_certified=0, files_presumed=0,
            files_dropped=int(np.count_nonzero(verdict.source == DROPPED)),
            files_missing=int(np.count_nonzero(verdict.source == MISSING)),
            bytes_in=self.bytes_in, bytes_out=self.bytes_out,
            messages=self.messages, seconds_wait=signal - self.started,
            seconds_transfer=self.collected - signal,
            seconds_detect=resolution.seconds_detect,
            seconds_aggregate=resolution.seconds_aggregate,
            seconds_update=seconds_update, seconds_step=seconds_step,
            flagged=verdict.flagged, exposed=self.exposed,
            excluded=self.excluded,
            disagreements=resolution.disagreements,
            margin=resolution.margin, source=verdict.source,
            contributors=verdict.contributors, copies=resolution.copies,
            files_done=self.done if self._shown is None else self._shown,
            first_report=self.first_report, last_report=self.last_report)
