"""Facts that ranks tell rank 0 of themselves, and their clocks' delays.

Every rank answers once, with bytes of a size that all know; then it waits
for rank 0, which asks some for the time and sends all home.  Rank 0 waits
for nobody longer than a limit, so that a rank that hangs is found instead
of hanging the others.
"""

import os
import time
from dataclasses import dataclass

import numpy as np

from aspis_mpi.backends.launcher import survives_deaths
from aspis_mpi.backends.mpi import ranks
from aspis_mpi.backends.mpi.mailbox import MPI

#: Tags of what ranks say of themselves, of orders, and of times.
LOOK, ORDER, TIME = 1, 2, 3

#: Bytes of the name of a host.
HOST = 64

#: The orders to tell the time, and to end without the rank that hangs;
#: others are exit codes.
PING, LEAVE = -1, -2

#: Round trips a clock, and seconds in which each has to be over.
TRIPS, PATIENCE = 30, 5.0

#: Seconds of a sleep between two looks, and how long one does not sleep
#: after a ping.
PAUSE, AWAKE = 1e-3, 0.05

THREAD_LEVELS = {MPI.THREAD_SINGLE: 'single',
                 MPI.THREAD_FUNNELED: 'funneled',
                 MPI.THREAD_SERIALIZED: 'serialized',
                 MPI.THREAD_MULTIPLE: 'multiple'}


@dataclass(frozen=True)
class Tolerance:
    """True if the death of a rank leaves the others alive.

    Attributes
    ----------
    built, on : bool
        The library can; it was launched so that it does.
    """

    built: bool
    on: bool


def thread_level():
    """Threads that may call MPI, in a word."""
    return THREAD_LEVELS[MPI.Query_thread()]


def tolerance():
    """The `Tolerance` of this library, as launched."""
    # mpi4py calls errors that a library does not have unknown.
    return Tolerance(MPI.ERR_PROC_FAILED != MPI.ERR_UNKNOWN,
                     survives_deaths())


def library():
    """Name and version of the MPI library, a few words."""
    name = ranks.library().partition(',')[0]
    return ' '.join(name.replace('Version:', '').split())


def hosts(comm, name):
    """Host of every rank, on every rank; each gives its own."""
    raw = np.frombuffer(name.encode()[:HOST].ljust(HOST), dtype=np.uint8)
    rows = np.empty((comm.size, HOST), dtype=np.uint8)
    comm.Allgather(raw, rows)
    return [row.tobytes().decode(errors='replace').rstrip() for row in rows]


def gather(comm, raw, limit):
    """Bytes of every rank; called by rank 0.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    raw : bytes
        Those of rank 0; the others' have the same size.
    limit : float
        Seconds.

    Returns
    -------
    list of bytes or None
        None of a rank that did not answer in time.
    """
    rows = np.empty((comm.size, len(raw)), dtype=np.uint8)
    requests = [comm.Irecv(rows[rank], rank, LOOK)
                for rank in range(1, comm.size)]
    end = time.monotonic() + limit
    waiting = requests
    while waiting and time.monotonic() < end:
        time.sleep(PAUSE)
        waiting = [request for request in waiting if not request.Test()]
    return [raw] + [None if request in waiting else row.tobytes()
                    for request, row in zip(requests, rows[1:])]


def tell(comm, raw):
    """Tell rank 0, then do as it says; called by the others.

    Returns
    -------
    int
        The exit code.
    """
    said = comm.Isend(np.frombuffer(raw, dtype=np.uint8), 0, LOOK)
    order, awake = np.empty(1, dtype=np.int64), 0.0
    while True:
        request = comm.Irecv(order, 0, ORDER)
        while not request.Test():
            if time.monotonic() > awake:
                time.sleep(PAUSE)
        if order[0] == LEAVE:
            os._exit(0)
        if order[0] != PING:
            said.Wait()
            return int(order[0])
        comm.Send(np.array([time.time()]), 0, TIME)
        awake = time.monotonic() + AWAKE


def trips(comm, rank):
    """Round trips to the clock of another rank; called by rank 0.

    Returns
    -------
    list of (float, float, float)
        Sent here, read there, back here, in seconds since 1970; fewer than
        `TRIPS` when the rank falls silent.
    """
    found, read = [], np.empty(1)
    for _ in range(TRIPS):
        end = time.monotonic() + PATIENCE
        request = comm.Irecv(read, rank, TIME)
        sent = time.time()
        order = comm.Isend(np.array([PING]), rank, ORDER)
        while not request.Test():
            if time.monotonic() > end:
                return found
        found.append((sent, float(read[0]), time.time()))
        order.Wait()
    return found


def dismiss(comm, code, missing=()):
    """Send the others home; called by rank 0.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    code : int
        The exit code of all.
    missing : iterable of int
        Ranks that did not answer: they would not end by themselves.
    """
    # Under fault tolerance an abort does not end; whoever finalized would
    # wait for the rank that hangs, and that one has its own alarm.
    alone = bool(missing) and survives_deaths()
    order = np.array([LEAVE if alone else code])
    requests = [comm.Isend(order, rank, ORDER)
                for rank in range(1, comm.size) if rank not in missing]
    end = time.monotonic() + PATIENCE
    while not MPI.Request.Testall(requests) and time.monotonic() < end:
        time.sleep(PAUSE)
    if alone:
        time.sleep(1.0)
        os._exit(code)
    if missing:
        comm.Abort(code)
