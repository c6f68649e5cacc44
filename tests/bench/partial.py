"""Cost of closed forms, orders and simulated steps as the system grows.

    python tests/bench/partial.py

Random regular assignments with 8 files a worker, Exp(1) delays.  One line a
size: seconds of 2,000 trials of the closed form of coverage, of finding the
order, and of one step of `simulate` (the slope between 2 and 8 steps).  The
last line is by which power of the number of (worker, file) pairs each grows.
"""

import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402

from aspis_mpi.assembly.simulate import simulate  # noqa: E402
from aspis_mpi.assignment.designs.random_regular import (  # noqa: E402
    RandomRegular)
from aspis_mpi.assignment.ordering import matching  # noqa: E402
from aspis_mpi.coding.completion import coverage_seconds  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402

SIZES = 250, 500, 1000, 2000
TRIALS, LOAD = 2000, 8


def seconds(call):
    """Least of three."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def step(workers, folder):
    """Seconds of one simulated step, without what a run needs once."""
    def run(steps):
        job = loading.from_tables({
            'run': {'steps': steps, 'evaluate_every': 0},
            'problem': {'name': 'quadratic', 'batch_size': workers},
            'scheme': {'name': 'partial', 'workers': workers},
            'assignment': {'name': 'random-regular', 'load': LOAD},
            'delay': {'name': 'exponential', 'mean': 1.0}})
        return seconds(lambda: simulate(job, out=Path(folder) / 'run.h5',
                                        overwrite=True))
    return (run(8) - run(2)) / 6


def main():
    rows = []
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for workers in SIZES:
            design = RandomRegular(workers, load=LOAD)
            paces = rng.standard_exponential((TRIALS, workers))
            rows.append([
                seconds(lambda: coverage_seconds(design, paces, 1)),
                seconds(lambda: matching(design, 1)), step(workers, folder)])
            print(json.dumps({
                'workers': workers, 'pairs': workers * LOAD,
                'closed_form_2000_trials': round(rows[-1][0], 4),
                'order': round(rows[-1][1], 4),
                'simulated_step': round(rows[-1][2], 4)}), flush=True)
    slopes = np.polyfit(np.log(SIZES), np.log(rows), 1)[0]
    print(json.dumps(dict(zip(
        ('power_closed_form', 'power_order', 'power_simulated_step'),
        slopes.round(2).tolist()))))


if __name__ == '__main__':
    main()
