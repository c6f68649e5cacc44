"""`show --follow`: look at a log and show it, until its run is over."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from aspis_mpi.errors import DONE
from aspis_mpi.following.facts import Facts, Missing
from aspis_mpi.following.reading import Follower
from aspis_mpi.following.screen import pause, screen_of
from aspis_mpi.runlog.summary import print_summary

#: Seconds between two looks, unless told otherwise, and at least.
INTERVAL, LEAST = 2.0, 0.1
#: Seconds for which nothing may have been written when a run is over: what
#: it says last comes after its last step.
SETTLED = 1.0


def follow(path: str | Path, interval: float = INTERVAL,
           stream: TextIO | None = None,
           clock: Callable[[], float] = time.time,
           sleep: Callable[[float], None] | None = None) -> int:
    """Show a run until it is over, then its summary.

    A log that is not there yet is waited for, and so is a run that was
    stopped or killed: it may go on.

    Parameters
    ----------
    path : str or Path
    interval : float
        Seconds between two looks.
    stream : file, optional
        Standard output by default.
    clock : callable
        Seconds since 1970.
    sleep : callable, optional

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    RunLogError
        There is something, but it cannot be read as a run log.
    """
    stream = stream or sys.stdout
    sleep = sleep or partial(pause, stream)
    follower, screen = Follower(path, clock, sleep), screen_of(stream)
    while True:
        with _ctrl_c_held_back():
            found = follower.look()
        screen.show(found, clock())
        if _is_over(found, clock()):
            break
        sleep(interval)
    stream.write('\n')
    with _ctrl_c_held_back():
        print_summary(path)
    return DONE


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Let Ctrl-C wait until something is done.

    Reading HDF5 has many callbacks of weak references, in which Python would
    print the exception and go on.
    """
    if (signal.getsignal(signal.SIGINT) is not signal.default_int_handler
            or threading.current_thread() is not threading.main_thread()):
        yield
        return
    asked: list[bool] = []
    signal.signal(signal.SIGINT, lambda *_: asked.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if asked:
        raise KeyboardInterrupt


def _is_over(found: Facts | Missing, now: float) -> bool:
    return (isinstance(found, Facts) and found.over
            and now - found.news >= SETTLED)
