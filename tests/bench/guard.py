"""What the guard around a user's parts costs of a step, in one MPI job.

    mpirun --oversubscribe -n 16 python tests/bench/guard.py D [REPEATS]

The whole stack of `step.py`, whose gradient is one pass that adds a number,
with and without the guard by turns; the median of the paired ratios is
printed as JSON.
"""

import json
import os
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from unittest import mock

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402
from step import stack  # noqa: E402

from aspis_mpi.backends.mpi import ranks  # noqa: E402
from aspis_mpi.learning.guard.problem import Guard  # noqa: E402


class Plain(Guard):
    """A problem that is called as it is."""

    def gradient(self, step, parameters, samples, out):
        self.problem.gradient(parameters, samples, out)


class Bare:
    """An optimizer without `Steering`."""

    overflowed = False

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.update = optimizer.update


@contextmanager
def unguarded():
    """The problem itself in the place of its guard, and so the optimizer."""
    with mock.patch('aspis_mpi.assembly.wiring.Guard', Plain), (
            mock.patch('aspis_mpi.protocol.server.training.Steering', Bare)):
        yield


def main():
    d, repeats = int(sys.argv[1]), int((sys.argv[2:] or [9])[0])
    steps = max(40, min(400, 40_000_000 // d))
    comm = ranks.world()
    sys.stderr = open(os.devnull, 'w')
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats + 1):
            pair = {}
            # Who comes second is at an advantage or not: by turns, too.
            for guarded in (number % 2, 1 - number % 2):
                comm.Barrier()
                with nullcontext() if guarded else unguarded():
                    pair[guarded] = stack(comm, d, steps, folder)
            pairs.append((pair[0], pair[1]))
    if comm.rank:
        return
    bare, whole = np.array(pairs[1:]).T     # the first pair warms up
    print(json.dumps({
        'd': d, 'steps': steps, 'milliseconds': round(1e3 * np.median(whole),
                                                      3),
        'ratio': round(float(np.median(whole / bare)), 3),
        'ratios': (whole / bare).round(3).tolist()}))


if __name__ == '__main__':
    main()
