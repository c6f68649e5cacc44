"""The memory that Python takes at most while something is done."""

import gc
import tracemalloc

#: How often it is done.
TIMES = 3


def memory_taken(do):
    """Bytes that `do()` takes beyond what there was before.

    The least of a few times: what all tests of a process share (tables of
    interned strings, caches of libraries, other threads) grows now and then,
    at the expense of whoever runs at that moment.
    """
    return min(_peak(do) for _ in range(TIMES))


def _peak(do):
    gc.collect()
    tracemalloc.start()
    try:
        do()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
