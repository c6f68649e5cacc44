"""Sleep of a rank that has nothing to do."""

import time

#: Seconds of a waiting rank's sleeps.
SHORTEST, LONGEST = 1.25e-4, 5e-4


class Pause:
    """Sleeps of a rank that waits: few of them, and little too long.

    Each is an eighth of the time waited so far, within bounds.  A sleep
    costs an oversubscribed core some 20 us, as much as a worker's part in a
    small step; one that is too long holds up everybody else.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def reset(self) -> None:
        """Something happened."""
        self._since = None

    def __call__(self, most: float = LONGEST) -> None:
        """Sleep once, for `most` seconds at the most."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        span = min(max((now - self._since) / 8, SHORTEST), LONGEST, most)
        if span > 0:
            time.sleep(span)
