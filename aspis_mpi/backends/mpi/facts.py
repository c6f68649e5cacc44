"""Facts that ranks tell rank 0 of their job before the first step."""

import numpy as np

from aspis_mpi.backends.mpi.ranks import broadcast_text, gather_text
from aspis_mpi.job.facts import (
    NONE, ROOM, condensed, difference, first, said)

#: Between two names, none of which has it.
BETWEEN = '\0'


def compare(comm, facts):
    """Differences of other ranks from rank 0; called by all.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    facts : dict of str to str
        Of this rank.

    Returns
    -------
    dict of int to Difference
        By rank; empty on all but rank 0.
    """
    keys = broadcast_text(comm, BETWEEN.join(facts)).split(BETWEEN)
    asked = _first(comm, condensed(facts, keys))
    if (asked == NONE).all():
        return {}
    texts = gather_text(comm, said(facts, keys, asked[comm.rank]), ROOM)
    return {rank: difference(facts, keys, asked[rank], text)
            for rank, text in enumerate(texts) if asked[rank] != NONE}


def _first(comm, own):
    """Number of the first fact in which each rank differs, int32 (ranks,)."""
    asked = np.empty(comm.size, np.int32)
    rows = None if comm.rank else np.empty((comm.size, own.size), own.dtype)
    comm.Gather(own, rows)
    if rows is not None:
        asked[:] = [first(own, row) for row in rows]
    comm.Bcast(asked)
    return asked


def decide(comm, refused, without):
    """Conclusion of rank 0 from it, on all ranks.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    refused : str
        Why the run cannot begin, or ''; rank 0's counts.
    without : collection of int
        Ranks that get no work; rank 0's counts.

    Returns
    -------
    refused : str
    idle : bool
        Whether this rank gets no work.
    """
    mask = np.isin(np.arange(comm.size), list(without)).astype(np.uint8)
    comm.Bcast(mask)
    return broadcast_text(comm, refused), bool(mask[comm.rank])
