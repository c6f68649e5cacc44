"""The clock of rank 0, which stands still as long as that rank does.

A suspended job, a debugger, a host that swaps: rank 0 hears nobody then, and
those who answered in the meantime were not late.
"""

import time
from collections.abc import Callable

#: Seconds without running that count for nobody, at least.  Shorter ones are
#: those of any busy host.
LEAST = 1.0

#: Seconds after which the clock makes sure again that its rank runs.
OFTEN = 0.1


class AwakeClock:
    """Seconds in which a rank ran, or waited by short sleeps.

    Whoever waits reads it all the time.  If nobody has for `LEAST` seconds,
    and the process has not used a processor either, it did not run.  Work of
    its own may also wait, for a file system or a device: that takes time as
    anywhere else.

    Parameters
    ----------
    wall, used : callable
        Seconds of the wall, and those for which this process had a
        processor.
    """

    def __init__(self, wall: Callable[[], float] = time.perf_counter,
                 used: Callable[[], float] = time.process_time) -> None:
        self._wall, self._used = wall, used
        self._left_out = self._told = 0.0
        self._listens = False
        self._seen = wall(), used()

    def __call__(self) -> float:
        """Seconds of no particular beginning."""
        now = self._wall()
        if now - self._seen[0] > OFTEN:
            self._look(now)
        return now - self._left_out

    def listen(self) -> None:
        """From now on it is read all the time."""
        self._look(self._wall())
        self._listens = True

    def work(self) -> None:
        """The rank works, until it listens again."""
        self()
        self._listens = False

    def stood_still(self) -> float:
        """Seconds that have been left out since this was asked last."""
        since, self._told = self._left_out - self._told, self._left_out
        return since

    def _look(self, now: float) -> None:
        seen, self._seen = self._seen, (now, self._used())
        idle = now - seen[0] - (self._seen[1] - seen[1])
        if self._listens and idle > LEAST:
            self._left_out += idle - OFTEN
