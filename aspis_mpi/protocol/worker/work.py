"""The part of a worker that belongs to one step."""

import numpy as np

from aspis_mpi.protocol.messages import pack_positions


class Work:
    """The files of one step: finished, in hand, to do; replaced, not reset.

    Parameters
    ----------
    step : int
    files : list of int
        In the order of computing.
    width : int
        Positions of a report.
    parameters : Buffer
    seconds : ndarray of float64, shape (l,)
        That each file takes at least, by position % l.
    most : int or None
        After so many files the worker falls silent, if it does.
    now : float
    costs : ndarray of float64, shape (f,), optional
        Time of each file over that of a usual one, where they differ.

    Attributes
    ----------
    position : int or None
        Of the file in hand; None when there is nothing to compute.
    file : int
        The file in hand, if there is one.
    count : int
        Files finished so far.
    task : Task or None
        Its computing, once begun.
    ends : float
        Before this second the file in hand does not count as finished.
    held : dict of int to Buffer
        Gradients that are kept until the step is over, by file.
    """

    def __init__(self, step, files, width, parameters, seconds, most, now,
                 *, costs=None):
        self.step = step
        self.parameters = parameters
        self.task = None
        self.held = {}
        self._files = files
        self._width = width
        # Python's own numbers: others are slow where there is one at a time.
        self._seconds = seconds.tolist()
        self._most = most
        self._costs = costs
        self._finished = 0          # bits: positions
        self.count = 0
        self._skipped = None
        self._choose(now)

    @property
    def usual(self):
        """Seconds that a usual file takes at least, on average."""
        return float(np.mean(self._seconds))

    @property
    def silent(self):
        """True if the worker has fallen silent in this step."""
        return self._most is not None and self.count >= self._most

    def report(self):
        """Positions of the finished files as packed bits (width)."""
        return pack_positions(self._finished, (self._width + 7) // 8)

    def finish(self, now):
        """Count the file in hand as finished; take up the next at `now`."""
        self._finished |= 1 << self.position
        self.count += 1
        self.task = None
        self._choose(now)

    def skip(self, files, now):
        """Leave out these files, bool (f,), and none that were left out."""
        self._skipped = files
        if self.position is not None and not files[self.file]:
            return
        if self.task is not None:
            self.task.release()
            self.task = None
        self._choose(now)

    def release(self):
        """Forget everything; the step is over."""
        if self.task is not None:
            self.task.release()
            self.task = None
        for buffer in self.held.values():
            buffer.release()
        self.held.clear()
        self.parameters.release()

    def _choose(self, now):
        self.position, self.ends = self._next(), np.inf
        if self.position is not None:
            self.file = self._files[self.position]
            seconds = self._seconds[self.position % len(self._seconds)]
            if self._costs is not None:
                seconds *= float(self._costs[self.file])
            self.ends = now + seconds

    def _next(self):
        if self.silent:
            return None
        if self._skipped is None:
            # In order: as many are finished as stand before it.
            return self.count if self.count < len(self._files) else None
        for position, file in enumerate(self._files):
            if not (self._finished >> position & 1 or self._skipped[file]):
                return position
        return None
