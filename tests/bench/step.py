"""Step time of the whole stack against a minimal loop, in one MPI job.

    mpirun --oversubscribe -n 16 python tests/bench/step.py D [REPEATS]

Both do the same work: the parameters go out, every worker clears its gradient
and adds to it, rank 0 takes the mean and updates.  The minimal loop does
nothing else; the stack is scheme `uncoded` with its checks and its log.
They take turns, and the median of the paired ratios is printed as JSON.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402

from aspis_mpi.assembly.start import Start  # noqa: E402
from aspis_mpi.assembly.wiring import Assembly  # noqa: E402
from aspis_mpi.backends.awake import AwakeClock  # noqa: E402
from aspis_mpi.backends.mpi import ranks  # noqa: E402
from aspis_mpi.backends.mpi.mailbox import Mailbox  # noqa: E402
from aspis_mpi.backends.mpi.server import ServerLoop  # noqa: E402
from aspis_mpi.backends.mpi.worker import WorkerLoop  # noqa: E402
from aspis_mpi.backends.signals import Signals  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402
from aspis_mpi.learning.problem import Problem  # noqa: E402
from aspis_mpi.protocol.buffers import Pool  # noqa: E402
from aspis_mpi.runlog.reader import load_run  # noqa: E402

MPI = ranks.MPI

#: First steps, which are not counted: memory is touched for the first time.
WARM = 3


class Ones(Problem):
    """The cheapest gradient: one pass that adds a number."""

    n_samples = 1000

    def __init__(self, d):
        self.n_parameters = d

    def initial(self, generator):
        return generator.random(self.n_parameters, dtype=np.float32)

    def gradient(self, parameters, samples, out):
        out += np.float32(len(samples))

    def loss(self, parameters):
        return 0.0


def minimal(comm, d, steps):
    """Seconds a step of the hand-written loop."""
    if comm.rank:
        parameters = np.empty(d, np.float32)
        gradient = np.random.default_rng(comm.rank).random(d, np.float32)
        for _ in range(steps):
            request = comm.Irecv(parameters, 0)
            while not request.Test():
                time.sleep(5e-4)
            gradient.fill(0)
            gradient += np.float32(1)
            comm.Send(gradient, 0)
        return None
    workers = range(1, comm.size)
    parameters = np.random.default_rng(0).random(d, np.float32)
    gradients = np.ones((comm.size - 1, d), np.float32)
    for step in range(steps):
        if step == WARM:
            start = time.perf_counter()
        incoming = [comm.Irecv(gradients[w - 1], w) for w in workers]
        outgoing = [comm.Isend(parameters, w) for w in workers]
        while not MPI.Request.Testall(incoming):
            time.sleep(5e-4)
        MPI.Request.Waitall(outgoing)
        parameters -= np.float32(1e-9) * gradients.mean(axis=0)
    return (time.perf_counter() - start) / (steps - WARM)


def stack(comm, d, steps, folder):
    """Seconds a step of the whole stack, from its own log."""
    return spent(comm, Ones(d), folder, {
        'run': {'steps': steps, 'evaluate_every': 0},
        'problem': {'name': 'quadratic'},
        'optimizer': {'lr': 1e-9, 'momentum': 0.0},
        'scheme': {'name': 'uncoded', 'workers': comm.size - 1}})


def spent(comm, problem, folder, tables, typical=np.mean):
    """Seconds of a typical step of a job, from its log; None on workers."""
    assembly, clock = Assembly(loading.from_tables(tables), problem), (
        AwakeClock())
    bells = ranks.bells(comm)
    if comm.rank:
        pool = Pool(problem.n_parameters)
        mail = Mailbox.of_worker(comm, assembly.wire(), pool, bells)
        WorkerLoop(mail, clock, Signals(), 60).run(
            lambda: assembly.worker(comm.rank - 1, clock))
        return None
    path = Path(folder) / 'bench.h5'
    with assembly.run_log(
            Start(path, path, overwrite=True), 'wall') as run_log:
        server = assembly.server(clock)
        keeper = assembly.keeper(server, run_log,
                                 assembly.checkpoints(path))
        mail = Mailbox.of_server(comm, assembly.wire(), assembly.incoming(),
                                 bells)
        loop = ServerLoop(mail, server, keeper, clock, Signals())
        keeper.begin = lambda: None
        loop.run()
    with load_run(path) as run:
        return typical(run.steps['seconds_step'][WARM:])


def main():
    d, repeats = int(sys.argv[1]), int((sys.argv[2:] or [5])[0])
    steps = int((sys.argv[3:] or [max(20, min(400, 40_000_000 // d))])[0])
    comm = ranks.world()
    sys.stderr = open(os.devnull, 'w')
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeats + 1):
            comm.Barrier()
            floor = minimal(comm, d, steps)
            comm.Barrier()
            pairs.append((floor, stack(comm, d, steps, folder)))
    if comm.rank:
        return
    pairs = np.array(pairs[1:])         # the first pair warms up
    ratios = pairs[:, 1] / pairs[:, 0]
    print(json.dumps({
        'd': d, 'steps': steps,
        'minimal_steps_per_second': round(1 / np.median(pairs[:, 0]), 1),
        'stack_steps_per_second': round(1 / np.median(pairs[:, 1]), 1),
        'ratio': round(float(np.median(ratios)), 3),
        'ratios': ratios.round(3).tolist()}))


if __name__ == '__main__':
    main()
