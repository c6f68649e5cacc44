"""Memory that is measured, beside whatever else happens in a process."""

import gc
import tracemalloc

#: How often it is measured at most.
TIMES = 3


def once(holds, measure):
    """True if `holds` of what `measure()` finds, once of a few times.

    What all tests of a process share (tables of interned strings, caches of
    libraries, other threads) grows now and then, at the expense of whoever
    runs at that moment, and a system short of memory takes back pages; what
    a fault takes, it takes each time.
    """
    for _ in range(TIMES):
        found = measure()
        if holds(found):
            return True
        print('measured:', found)
    return False


def takes_less(than, do):
    """True if `do()` takes less than so many bytes, once of a few times.

    Beyond what there was before, of memory that Python knows of.
    """
    return once(lambda peak: peak < than, lambda: _peak(do))


def _peak(do):
    gc.collect()
    tracemalloc.start()
    try:
        do()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
