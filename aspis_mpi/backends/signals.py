"""Requests of the operating system that a rank end, soon or at once."""

import atexit
import signal
import threading
import time

#: Signals that let a run end after a checkpoint.
ASKING = (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)

#: Seconds after which another signal is not the same one sent twice, as
#: launchers do.
TWICE = 1.0


class Signals:
    """Counts the signals that ask to end, instead of dying of them.

    A context: the handlers that were there come back at its end.  Within
    another one it takes over what that has counted.  Only the main thread of
    a process can have handlers; elsewhere none is counted.

    Parameters
    ----------
    last : bool
        The process has nothing else to do: when it exits the signals are
        ignored, so that none changes its exit code.

    Attributes
    ----------
    number : int
        The last one; 0 before the first.
    again : bool
        Somebody has asked more than once.  That goes by when the signals
        came: whoever counts them may have been busy since the first.
    """

    def __init__(self, last=False):
        self.number = 0
        self.again = False
        self._first = None
        self._last = last
        self._count = 0
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take)
                            for number in ASKING}
            outer = getattr(self._before[ASKING[0]], '__self__', None)
            if isinstance(outer, Signals):
                self.number, self._count = outer.number, outer.taken()
                self.again, self._first = outer.again, outer._first
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)
            if self._last:
                atexit.register(signal.signal, number, signal.SIG_IGN)
        self._before = {}

    def taken(self):
        """Number of those that have come since the last call."""
        count, self._count = self._count, 0
        return count

    @property
    def name(self):
        """Name of the last one."""
        return signal.Signals(self.number).name

    def _take(self, number, _):
        now = time.monotonic()
        if self._first is None:
            self._first = now
        self.again = now - self._first > TWICE
        self.number = number
        self._count += 1
