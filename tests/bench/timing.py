"""Time of one piece of work, for the benches of this folder."""

import time

REPEATS = 9


def best(work, numbers):
    """Least nanoseconds a number, of the processor, of some repeats."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return round(min(seconds) * 1e9 / numbers, 3)
