"""The memory that Python takes at most while something is done."""

import tracemalloc
from contextlib import contextmanager
from math import inf


class Taken:
    """`peak`: bytes, once it is over."""

    peak = inf


@contextmanager
def memory_taken():
    """Measures what is done within, beyond what there was before."""
    taken = Taken()
    tracemalloc.start()
    try:
        yield taken
        taken.peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
