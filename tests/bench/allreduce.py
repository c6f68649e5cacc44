"""A whole step of four workers beside torch's bare all-reduce on gloo.

    mpirun --oversubscribe -n 5 python tests/bench/allreduce.py D [REPEATS]

The step is that of `step.py`: parameters out, the cheapest gradient, its sum,
update, checks and log, with rank 0 as a fifth process.  The all-reduce adds
up D numbers over the four ranks of the workers and does nothing else, while
rank 0 sleeps.  Each process has one thread.  They take turns; printed as JSON
are the medians in milliseconds, and that of the paired ratios.
"""

import json
import os
import shutil
import sys
import tempfile
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402
import torch  # noqa: E402
from step import WARM, stack  # noqa: E402
from torch import distributed  # noqa: E402

from aspis_mpi.backends.mpi import ranks  # noqa: E402

WORKERS = 4


def bare(vector, steps):
    """Seconds of an all-reduce of this process."""
    for step in range(WARM + steps):
        if step == WARM:
            start = time.perf_counter()
        distributed.all_reduce(vector)
        # Else the sums of sums overflow, which takes longer.
        vector.fill_(1)
    return (time.perf_counter() - start) / steps


def meet(comm):
    """A barrier whose ranks sleep."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(5e-3)


def main(d, repeats=5, steps=None):
    """Let both take turns."""
    d, repeats = int(d), int(repeats)
    steps = int(steps or max(20, min(400, 40_000_000 // d)))
    torch.set_num_threads(1)
    comm = ranks.world()
    if comm.size != WORKERS + 1:
        sys.exit(f'allreduce.py is for {WORKERS + 1} ranks, not {comm.size}')
    sys.stderr = open(os.devnull, 'w')
    folder = comm.bcast(tempfile.mkdtemp() if not comm.rank else None)
    vector = torch.ones(d)
    if comm.rank:
        distributed.init_process_group(
            'gloo', f'file://{folder}/meeting', rank=comm.rank - 1,
            world_size=WORKERS)
    found = []
    for _ in range(repeats + 1):
        meet(comm)
        ours = stack(comm, d, WARM + steps, folder)
        meet(comm)
        theirs = bare(vector, steps) if comm.rank else 0.0
        meet(comm)
        found.append((ours, max(comm.allgather(theirs))))
    if comm.rank:
        distributed.destroy_process_group()
        return
    shutil.rmtree(folder)
    report(d, steps, np.array(found[1:]))   # the first turn warms up


def report(d, steps, found):
    """Print what rank 0 has measured."""
    ours, theirs = found.T
    print(json.dumps({
        'd': d, 'steps': steps,
        'step_milliseconds': round(1e3 * float(np.median(ours)), 2),
        'allreduce_milliseconds': round(1e3 * float(np.median(theirs)), 2),
        'ratio': round(float(np.median(ours / theirs)), 3),
        'ratios': (ours / theirs).round(3).tolist()}))


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
