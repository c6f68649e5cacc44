"""Rate at which rank 0 receives one vector of every worker.

    mpirun --oversubscribe -n 16 python tests/bench/receive.py [D]

The project's mailbox against memcpy of the same vectors in the same run;
medians of repeats, all buffers filled with numbers.
"""

import json
import os
import sys
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402

from aspis_mpi.backends.mpi import ranks  # noqa: E402
from aspis_mpi.backends.mpi.mailbox import Mailbox  # noqa: E402
from aspis_mpi.protocol.buffers import Buffer  # noqa: E402
from aspis_mpi.protocol.messages import (  # noqa: E402
    FROM_SERVER, FROM_WORKER, Replica, Sizes)
from aspis_mpi.protocol.wire import Wire  # noqa: E402


#: Tag of the word to start; it is said when the clock runs.
GO = 99


def send(comm, wire, d):
    """A worker's side of one repeat."""
    mail = Mailbox(comm, wire, FROM_SERVER, [0], None)
    buffer = Buffer(d).hold()
    buffer.values[:] = comm.rank
    comm.Barrier()
    comm.Recv(np.empty(1, np.uint8), 0, GO)
    mail.send(0, Replica(0, buffer=buffer))
    while mail.pending:
        mail.poll()
        time.sleep(5e-4)


def receive(comm, wire, buffers):
    """Seconds until rank 0 has all vectors."""
    peers = range(1, comm.size)
    mail = Mailbox(comm, wire, FROM_WORKER, peers, lambda rank, lane: (
        buffers[rank - 1].raw, buffers[rank - 1]))
    comm.Barrier()
    start = time.perf_counter()
    for rank in peers:
        comm.Isend(np.zeros(1, np.uint8), rank, GO).Free()
    missing = len(buffers)
    while missing:
        missing -= len(mail.poll())
        time.sleep(5e-4)
    return time.perf_counter() - start


def copy(buffers):
    """Seconds of memcpy for the same vectors."""
    target = np.ones_like(buffers[0].values)
    start = time.perf_counter()
    for buffer in buffers:
        np.copyto(target, buffer.values)
    return time.perf_counter() - start


def main():
    d = int((sys.argv[1:] or [11_000_000])[0])
    comm = ranks.world()
    peers = comm.size - 1
    wire = Wire(Sizes(n_workers=peers, n_files=peers, n_parameters=d, load=1,
                      payload=d))
    if comm.rank:
        for _ in range(6):
            send(comm, wire, d)
        comm.Barrier()
        return
    buffers = [Buffer(d).hold() for _ in range(comm.size - 1)]
    for buffer in buffers:
        buffer.values[:] = 1
    received = [receive(comm, wire, buffers) for _ in range(6)][1:]
    copied = [copy(buffers) for _ in range(5)]
    comm.Barrier()
    rates = [4e-9 * d * len(buffers) / np.median(t)
             for t in (received, copied)]
    print(json.dumps({
        'd': d, 'vectors': len(buffers),
        'receive_gigabytes_per_second': round(rates[0], 2),
        'memcpy_gigabytes_per_second': round(rates[1], 2),
        'receive_over_memcpy': round(rates[0] / rates[1], 3)}))


if __name__ == '__main__':
    main()
