"""The only MPI: rank 0 drives the server, every other rank one worker.

Each side has room for one message per peer and lane, of fixed size, and
asks instead of blocking; a rank with nothing to do sleeps for longer and
longer, up to half a millisecond, or on one host until rank 0 rings (see
`backends.bell`), so that oversubscribed cores belong to the ranks that
compute.  Rank 0 never waits without a bound, and the others rely on it: a run
that cannot end in order within `GRACE` seconds, or those after which a worker
is silent, is aborted with its exit code.

Here is what all ranks do together before the first step; how they end is in
`ending`.  The loops are in `server` and `worker`, what they send and receive
through in `mailbox`.
"""

import logging
import os
import time
from contextlib import contextmanager

import numpy as np

from aspis_mpi.backends import pmix
from aspis_mpi.backends.bell import Bell, Bells
from aspis_mpi.backends.hosts import hosts, located
from aspis_mpi.backends.mpi.ending import abort
from aspis_mpi.backends.mpi.mailbox import MPI
from aspis_mpi.errors import BAD_JOB, FAILED, JobError
from aspis_mpi.learning.guard.mistake import told

log = logging.getLogger(__name__)


@contextmanager
def guard(comm):
    """End every rank when this one raises where no loop is running."""
    try:
        yield
    except JobError as error:
        log.error('%s', error)
        abort(comm, BAD_JOB, 'the job cannot be run')
    except BaseException as error:
        log.error('rank %d failed:\n%s', comm.rank, told(error))
        abort(comm, FAILED, 'it cannot go on')


def agree(comm, code, text):
    """Exit code, rank and text of the first rank that cannot begin.

    Called by every rank, with 0 where nothing is in the way.  A launcher
    need not notice a rank that ends before MPI has started, and the others
    would wait for it in vain; so it tells them.

    Returns
    -------
    code, rank : int
        0 and 0 when all can begin.
    text : str
    """
    codes = np.empty(comm.size, dtype=np.int32)
    # Rank 0 may need long: who waits for it leaves it the cores.
    request = comm.Iallgather(np.array([code], dtype=np.int32), codes)
    while not request.Test():
        time.sleep(1e-3)
    if not codes.any():
        return 0, 0, ''
    rank = int(np.flatnonzero(codes)[0])
    raw = _fixed(text, 4096)
    comm.Bcast(raw, rank)
    return int(codes[rank]), rank, _text(raw)


def library():
    """Name and version of the MPI library, one line."""
    return MPI.Get_library_version().partition('\n')[0].strip('\0 ,')


def gather_text(comm, text, room=512):
    """A short text of every rank, on rank 0; empty elsewhere.

    Texts have a fixed size and nothing is unpickled.
    """
    rows = np.empty((comm.size, room), np.uint8) if not comm.rank else None
    comm.Gather(_fixed(text, room), rows)
    return [] if rows is None else [_text(row) for row in rows]


def broadcast_text(comm, text):
    """Rank 0's text, on all ranks; others need not have any."""
    room = np.array([len(text.encode(errors='replace'))])
    comm.Bcast(room)
    raw = _fixed(text, int(room[0]))
    comm.Bcast(raw)
    return _text(raw)


def _fixed(text, room):
    """A text as an array of uint8 of a size that all ranks know."""
    raw = text.encode(errors='replace')[:room].ljust(room, b'\0')
    return np.frombuffer(raw, dtype=np.uint8).copy()


def _text(raw):
    return raw.tobytes().rstrip(b'\0').decode('utf-8', errors='replace')


def places(comm, device, on_processors):
    """Places of all ranks, on rank 0; called by all.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    device : str
        Of this rank; empty where it computes on the processor.
    on_processors : bool
        Whether all ranks do, by the job.

    Returns
    -------
    Places or None
    """
    said = gather_text(comm, MPI.Get_processor_name())
    devices = gather_text(comm, device)
    if comm.rank:
        return None
    told = hosts(nodes=pmix.nodes)
    return located(said, devices, told, on_processors)


def bells(comm):
    """The bells on rank 0, its own on each other.  Called by all.

    None where some would not hear: ranks of other hosts, or of containers
    that have networks of their own.
    """
    name = broadcast_text(comm, os.urandom(8).hex())
    peers = range(1, comm.size)
    try:
        own = Bell(name, comm.rank) if comm.rank else Bells(name, peers)
    except OSError:
        own = None
    comm.Barrier()
    heard = np.array([own is not None])
    if own is not None and not comm.rank:
        heard[0] = all(own.ring(rank) for rank in peers)
    comm.Allreduce(MPI.IN_PLACE, heard, MPI.LAND)
    return own if heard[0] else None


def world():
    """A communicator of our own over all ranks, whose errors raise."""
    return MPI.COMM_WORLD.Dup()
