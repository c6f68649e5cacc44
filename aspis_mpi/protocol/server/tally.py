"""Files that are finished in one step, as the workers say it."""

import numpy as np

from aspis_mpi.protocol.messages import pack_positions


class Tally:
    """Positions of each worker's order that are done, and when it said so.

    Parameters
    ----------
    order : ndarray of int32, shape (K, l)
        Files of each worker in this step's order of computing.
    loads : ndarray of int, shape (K,)
    started : float
        Seconds, when the step began.

    Attributes
    ----------
    finished : list of int
        Bits of each worker: which positions of its order are done.
    first_report, last_report : ndarray of float64, shape (K,)
        Seconds since the step began; NaN where there was no report.
    """

    def __init__(self, order, loads, started):
        n_workers = len(loads)
        self.finished = [0] * n_workers
        self.first_report = np.full(n_workers, np.nan)
        self.last_report = np.full(n_workers, np.nan)
        self.started = started
        self._order = order
        self._loads = loads
        # Single entries of a list are what a report touches.
        self._left, self._lengths = loads.tolist(), loads.tolist()

    @property
    def done(self):
        """Number of positions of each worker that are done, int64 (K,)."""
        return self._loads - np.array(self._left)

    def count(self, worker):
        """Number of those of one worker."""
        return self._lengths[worker] - self._left[worker]

    @property
    def places(self):
        """Files of each worker, int (K, l), and which places are ones."""
        order = self._order
        return order, np.arange(order.shape[1]) < self._loads[:, None]

    def owes(self, worker):
        """True if a worker has files that are not done."""
        return self._left[worker] > 0

    def everything(self, worker):
        """All positions of a worker's order, as bits."""
        return (1 << self._lengths[worker]) - 1

    def file(self, worker, position):
        """The file at a position of a worker's order."""
        return self._order.item(worker, position)

    def check(self, worker, bits, count, ordered):
        """Reason why no honest worker can have sent this progress, or ''."""
        if bits.bit_count() != count:
            return f'{count} files finished, but {bits.bit_count()} named'
        if bits >> self._lengths[worker]:
            return f'files finished beyond its {self._lengths[worker]}'
        if self.finished[worker] & ~bits:
            return f'{count} files finished after {self.count(worker)}'
        if ordered and bits & (bits + 1):
            return 'files finished out of their order'
        return ''

    def report(self, worker, bits, now):
        """Take note of all that a worker has finished; which are new."""
        known, since = self.finished[worker], now - self.started
        files, new = [], bits & ~known
        while new:
            low = new & -new
            files.append(self.file(worker, low.bit_length() - 1))
            new ^= low
        if not known:
            self.first_report[worker] = since
        self.last_report[worker] = since
        self.finished[worker] = bits
        self._left[worker] -= len(files)
        return files

    def packed(self, worker):
        """Positions that a worker has finished, as packed bits (l)."""
        return pack_positions(self.finished[worker],
                              (self._order.shape[1] + 7) // 8)

    def work(self, costs):
        """Cost of the files that each worker has finished, (K,).

        Parameters
        ----------
        costs : ndarray of float64, shape (f,)
        """
        finished = np.array([np.frombuffer(self.packed(worker), np.uint8)
                             for worker in range(len(self._left))])
        bits = np.unpackbits(finished, axis=1, count=self._order.shape[1])
        return (bits * costs[np.maximum(self._order, 0)]).sum(axis=1)

    def heard(self):
        """Seconds at which each worker last showed a sign of life."""
        return self.started + np.nan_to_num(self.last_report, nan=0.0)

    def wanting(self, unwanted):
        """Workers that could still finish files, bool (K,).

        Parameters
        ----------
        unwanted : ndarray of bool, shape (f, K), or None
            What need not be finished, because it is or is left out.
        """
        owing = np.array(self._left) > 0
        if unwanted is None:
            return owing
        wanted = ~unwanted[np.maximum(self._order, 0),
                           np.arange(len(owing))[:, None]]
        return owing & (wanted & (self._order >= 0)).any(axis=1)
