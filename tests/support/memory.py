"""The memory that Python takes at most while something is done."""

import gc
import tracemalloc

#: How often it is done at most.
TIMES = 3


def takes_less(than, do):
    """True if `do()` takes less than so many bytes, once of a few times.

    Beyond what there was before.  What all tests of a process share (tables
    of interned strings, caches of libraries, other threads) grows now and
    then, at the expense of whoever runs at that moment.
    """
    for _ in range(TIMES):
        peak = _peak(do)
        if peak < than:
            return True
        print(f'takes {peak} bytes')
    return False


def _peak(do):
    gc.collect()
    tracemalloc.start()
    try:
        do()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
