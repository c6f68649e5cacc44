"""Cost of one server step from received replicas, and its memory.

    python tests/bench/server_step.py [D]

K = 15, r = 3, rule `clique`, median-of-means, one thread: the seconds from
the last replica to the next `Model`, comparing included, against the
received bytes.  Every replica is a vector of its own, filled with numbers.
"""

import json
import os
import resource
import sys
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402

from aspis_mpi.assembly.wiring import Assembly  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402
from aspis_mpi.protocol.buffers import Pool  # noqa: E402
from aspis_mpi.protocol.messages import Replica  # noqa: E402


def resident():
    """Bytes of this process in memory."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def peak():
    """The most bytes that this process ever had in memory."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def replicas(assembly, attacked, pool):
    """All replicas of a step in order of arrival, and who sent them."""
    assignment, d = assembly.assignment, assembly.d
    generator = np.random.default_rng(0)
    pattern = generator.standard_normal(d + 1000).astype(np.float32)
    for position in range(assignment.load):
        for worker in range(assignment.n_workers):
            file = int(assignment.order[worker, position])
            buffer = pool.take()
            buffer.values[:] = pattern[file:file + d]
            if attacked and assembly.attack.lies(0)[file, worker]:
                buffer.values[:] = -100
            yield worker, Replica(0, 0, position, buffer)


def measure(d, attacked):
    """Seconds and bytes of one step."""
    job = loading.from_tables({
        'run': {'steps': 1000}, 'problem': {'name': 'quadratic',
                                            'parameters': d},
        'scheme': {'name': 'aspis', 'workers': 15, 'adversaries': 3},
        'adversary': {'count': 3, 'files': 'fixed-disagreement'}})
    assembly = Assembly(job)
    server, pool = assembly.server(time.perf_counter), Pool(d)
    server.start()
    waiting = list(replicas(assembly, attacked, pool))
    received = sum(message.nbytes for _, message in waiting)
    before = resident()
    compare = 0.0
    for worker, message in waiting[:-1]:
        start = time.perf_counter()
        server.handle(worker, message)
        compare += time.perf_counter() - start
    start = time.perf_counter()
    server.handle(*waiting[-1])
    server.proceed()
    resolve = time.perf_counter() - start
    record = server.notes.records[-1]
    return {'d': d, 'attacked': attacked, 'verdict': record.verdict.name,
            'seconds_compare': round(compare, 3),
            'seconds_after_last_replica': round(resolve, 3),
            'seconds_step': round(compare + resolve, 3),
            'seconds_detect': round(record.seconds_detect, 3),
            'seconds_aggregate': round(record.seconds_aggregate, 3),
            'memory_over_received': round(1 + (peak() - before) / received,
                                          3)}


if __name__ == '__main__':
    size = int((sys.argv[1:] or [431080])[0])
    for lies in (False, True, False, True):
        print(json.dumps(measure(size, lies)), flush=True)
