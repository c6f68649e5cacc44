"""The start-up probe under MPI: every rank computes the same files."""

import os
import time

import numpy as np

from aspis_mpi.detection.probe import ANSWER, FILES, answer

#: Tag of the answers, on a communicator on which nothing else is under way.
TAG = 1
#: Seconds between two looks for answers.
NAP = 5e-4


def probe(comm, auditor, parameters, n_files, patience):
    """Let every rank say what it computes; called by every rank.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        Rank 0 is the server, and nothing else is under way.
    auditor : Auditor
        Computes files as a worker of this rank does.
    parameters : ndarray of float32, shape (d,)
        The initial ones on rank 0; the others receive them here.
    n_files : int
        f; the first min(f, 16) files of step 0 are computed.
    patience : float
        Seconds that rank 0 waits for the others once it has answered
        itself.

    Returns
    -------
    ndarray of `ANSWER`, shape (K + 1, n), or None
        On rank 0 what every rank answered, row 0 its own; None elsewhere.

    Raises
    ------
    RuntimeError
        On rank 0: not all ranks have answered.  The caller has to abort the
        others, which may still compute.

    Notes
    -----
    Answers have a fixed size and nothing is unpickled.  A liar can answer
    what it likes: the probe is about machines, and discounts q workers.
    """
    secret = np.frombuffer(os.urandom(16), dtype=np.uint8).copy()
    comm.Bcast(secret)
    comm.Bcast(parameters)
    n = min(n_files, FILES)
    own = answer((auditor.gradient(0, file, parameters)
                  for file in range(n)), secret.tobytes())
    if comm.rank:
        _wait([comm.Isend(own.view(np.uint8), 0, TAG)])
        return None
    answers = np.zeros((comm.size, n), dtype=ANSWER)
    answers[0] = own
    coming = [comm.Irecv(row.view(np.uint8), rank, TAG)
              for rank, row in enumerate(answers) if rank]
    silent = _wait(coming, patience)
    if silent:
        ranks = ', '.join(str(number + 1) for number in silent)
        raise RuntimeError(
            f'not all ranks have answered within {patience:g} s what they '
            f'compute for {n} files at the start: rank {ranks} missing')
    return answers


def _wait(requests, patience=np.inf):
    """Numbers of the requests that are not complete after so many seconds."""
    open_, end = list(range(len(requests))), time.monotonic() + patience
    while open_ and time.monotonic() <= end:
        time.sleep(NAP)
        open_ = [number for number in open_ if not requests[number].Test()]
    return open_
