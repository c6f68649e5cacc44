"""Sums and a challenge against all replicas, in one MPI job, taking turns.

    mpirun --oversubscribe -n 16 python tests/bench/challenge.py [D [PAIRS]]

K = 15, r = 3, q = 2, nobody lies, gradients cost one pass.  What computing
takes is the wait of the sums, so transfer, detection and aggregation of the
replicas are what their step takes longer.  On fewer cores than ranks the
workers' sketches queue for them; the ratios with a core a rank count those of
one worker once.  Sketches are made in float64 and in float32.  Medians of
paired ratios, as JSON.
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
from aspis_mpi.coding.sketching import sketch  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402
from aspis_mpi.protocol.buffers import Pool  # noqa: E402
from aspis_mpi.runlog.reader import load_run  # noqa: E402
from aspis_mpi.schemes.record import ArrivalKind  # noqa: E402
from step import Ones  # noqa: E402

STEPS, WARM = 5, 1
SCHEMES = {
    'replicas': {'transfer': {'name': 'replicas'},
                 'detection': {'name': 'clique'},
                 'aggregation': {'name': 'mean'}},
} | {
    dtype: {'transfer': {'name': 'sums', 'challenge': True,
                         'sketch_type': dtype},
            'detection': {'name': 'certified'},
            'aggregation': {'name': 'mean'}}
    for dtype in ('float64', 'float32')}


def steps_of(comm, d, name, path):
    """The log of some steps, on rank 0."""
    job = loading.from_tables({
        'run': {'steps': STEPS, 'evaluate_every': 0},
        'problem': {'name': 'quadratic'},
        'optimizer': {'lr': 1e-9, 'momentum': 0.0},
        'scheme': {'workers': comm.size - 1, 'adversaries': 2},
        'log': {'detail': 'arrivals'}} | SCHEMES[name])
    assembly, clock = Assembly(job, Ones(d)), AwakeClock()
    bells = ranks.bells(comm)
    if comm.rank:
        mail = Mailbox.of_worker(comm, assembly.wire(), Pool(d), bells)
        WorkerLoop(mail, clock, Signals(), 60).run(
            lambda: assembly.worker(comm.rank - 1, clock))
        return
    with assembly.run_log(
            Start(path, path, overwrite=True), 'wall') as run_log:
        server = assembly.server(clock)
        keeper = assembly.keeper(server, run_log,
                                 assembly.checkpoints(path))
        keeper.begin = lambda: None
        mail = Mailbox.of_server(comm, assembly.wire(), assembly.incoming(),
                                 bells)
        ServerLoop(mail, server, keeper, clock, Signals()).run()


def seconds(path):
    """Mean seconds of a step, and bytes into the server."""
    with load_run(path) as run:
        rows, arrivals = run.steps[WARM:], run.arrivals
    found = {name: float(rows[f'seconds_{name}'].mean()) for name in (
        'step', 'wait', 'transfer', 'detect', 'aggregate')}
    found['bytes'] = float(rows['bytes_in'].mean())
    found['sketching'] = float(np.mean([
        _last(arrivals, step, ArrivalKind.SKETCH)
        - _last(arrivals, step, ArrivalKind.PAYLOAD)
        for step in rows['step']]))
    return found


def _last(arrivals, step, kind):
    these = arrivals[(arrivals['step'] == step)
                     & (arrivals['kind'] == int(kind))]
    return these['seconds'].max(initial=0.0)


def one_worker(d, load, dtype):
    """Seconds for the sketches of one worker, while nobody else computes."""
    gradients = [np.ones(d, dtype=np.float32) for _ in range(load)]
    took = []
    for _ in range(3):
        start = time.perf_counter()
        sketch(gradients, 1, os.urandom(16), dtype=dtype)
        took.append(time.perf_counter() - start)
    return min(took)


def while_others_sleep(comm, call):
    """What rank 0 finds, while all other ranks leave their cores alone."""
    found = None if comm.rank else call()
    ended = comm.Ibarrier()
    while not ended.Test():
        time.sleep(0.01)
    return found


def main():
    d, pairs = int((sys.argv[1:] or [431_080])[0]), int(
        (sys.argv[2:] or [5])[0])
    comm = ranks.world()
    sys.stderr = open(os.devnull, 'w')
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(pairs + 1):
            pair = {}
            for name in SCHEMES:
                comm.Barrier()
                path = Path(folder) / f'{name}.h5'
                steps_of(comm, d, name, path)
                if not comm.rank:
                    pair[name] = seconds(path)
            found.append(pair)
    alone = {dtype: while_others_sleep(
        comm, lambda dtype=dtype: one_worker(d, 91, dtype))
        for dtype in ('float64', 'float32')}
    if not comm.rank:
        report(d, found[1:], alone, comm.size - 1)


def report(d, pairs, alone, n_workers):
    """Print the medians."""
    vectors = 4 * n_workers * d
    figures = {
        'd': d, 'pairs': len(pairs),
        'replicas_bytes_over_Kd4': pairs[-1]['replicas']['bytes'] / vectors}
    for dtype, one in alone.items():
        found = beside(pairs, dtype, one, vectors)
        figures |= {f'{dtype}_{name}': value for name, value in found.items()}
    print(json.dumps(figures))


def beside(pairs, dtype, alone, vectors):
    """Medians of sums with one type of sketches, beside replicas."""
    mine = [pair[dtype] for pair in pairs]
    replicas = np.array([pair['replicas']['step'] - own['wait']
                         for pair, own in zip(pairs, mine)])
    sums = np.array([own['step'] - own['wait'] for own in mine])
    queued = np.array([own['sketching'] for own in mine])
    once, last = sums - queued + alone, mine[-1]
    return {
        'replicas_seconds': float(np.median(replicas)),
        'sums_seconds': float(np.median(sums)),
        'ratio': float(np.median(replicas / sums)),
        'ratio_with_one_core_a_rank': float(np.median(replicas / once)),
        'sketching_seconds': float(np.median(queued)),
        'sketching_of_one_worker': alone,
        'detect': last['detect'], 'aggregate': last['aggregate'],
        'transfer': last['transfer'],
        'bytes_over_Kd4': last['bytes'] / vectors}


if __name__ == '__main__':
    main()
