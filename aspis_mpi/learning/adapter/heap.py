"""Memory that nobody uses any more and that still is this process's."""

import ctypes
from functools import cache


@cache
def _trim():
    """The C library's function that gives free pages back, or None."""
    return getattr(ctypes.CDLL(None), 'malloc_trim', None)


def give_back():
    """Let the system have what was freed, also below what is in use.

    A module that is made for a look leaves holes among what is kept, which
    the C library keeps as well.  Other libraries than GNU's may not.
    """
    trim = _trim()
    if trim is not None:
        trim(ctypes.c_size_t(0))
