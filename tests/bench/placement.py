"""Seconds of a step with slow nodes and workers, by layouts of the files.

    python tests/bench/placement.py

Simulated: 15 workers, four ranks a host, load 5, q = 2, 50 ms a file, slow is
ten times slower.  For each case and layout the steps before and after the
speeds change (from step 5 on), the most steps until a step takes at most 1.25
times the least in which the workers can finish all copies, and that least.
One line of JSON a case; exit code 1 where a figure is above what is promised.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from aspis_mpi import load_run, simulate
from aspis_mpi.job import loading

K, LOAD, Q = 15, 5, 2
FILE, FACTOR = 0.05, 10.0
STEPS, CHANGE = 15, 5

#: Who is slow from step `CHANGE` on, unless it is said from the beginning.
CASES = {
    'all equal': [],
    'a slow node': [3, 4, 5, 6],
    'two slow workers apart': [3, 10],
    'two slow nodes': [3, 4, 5, 6, 11, 12, 13, 14],
}
LAYOUTS = {
    'cyclic': {},
    'hosts': {'placement': 'hosts'},
    'adapt': {'adapt': 1},
    'hosts, adapt': {'placement': 'hosts', 'adapt': 1},
}


def main():
    """Print the figures of all cases; what is above a promise."""
    above = []
    with tempfile.TemporaryDirectory() as folder:
        for case, slow in CASES.items():
            took = {name: seconds(Path(folder), slow, layout)
                    for name, layout in LAYOUTS.items()}
            bound = least(slow)
            print(json.dumps({
                'case': case, 'least': bound, **{
                    name: {'before': round(it[:CHANGE].max(), 4),
                           'after': round(it[-1], 4),
                           'steps': settled(it, bound)}
                    for name, it in took.items()}}), flush=True)
            above += broken(case, took, bound)
    for words in above:
        print(words, file=sys.stderr)
    return bool(above)


def seconds(folder, slow, layout):
    """Seconds of each step."""
    rows = np.full((STEPS, K), FILE)
    rows[CHANGE:, slow] *= FACTOR
    np.save(folder / 'trace.npy', rows)
    job = loading.from_tables({
        'run': {'steps': STEPS, 'seed': 7, 'evaluate_every': 0,
                'checkpoint_every': 0},
        'problem': {'name': 'quadratic', 'parameters': 650},
        'scheme': {'name': 'robust-partial', 'workers': K, 'adversaries': Q},
        'assignment': {'load': LOAD, **layout},
        'network': {'hosts': [4] * 4},
        'delay': {'name': 'trace', 'path': str(folder / 'trace.npy')},
    }, 'placement.toml')
    _, path = simulate(job, out=folder / 'run.h5', overwrite=True)
    with load_run(path) as run:
        return run.steps['seconds_step']


def least(slow):
    """The least seconds in which workers finish all copies of all files."""
    speeds = np.full(K, 1 / FILE)
    speeds[slow] /= FACTOR
    times = np.sort((np.arange(1, K + 1) / speeds[:, None]).ravel())
    return round(float(times[K * LOAD - 1]), 4)


def settled(took, bound):
    """Steps after the change until one is near the least; -1: never."""
    near = took[CHANGE:] <= 1.25 * bound + 1e-9
    return int(near.argmax()) if near.any() else -1


def broken(case, took, bound):
    """Promises that do not hold, in words."""
    checks = {
        'a slow node with hosts takes more than 0.30 s':
            case == 'a slow node' and took['hosts'].max() > 0.30,
        'equal workers with adapt are slower than cyclic':
            case == 'all equal' and (
                took['adapt'] > took['cyclic'] + 1e-9).any(),
        'adapt needs more than three steps':
            not 0 <= settled(took['adapt'], bound) <= 3,
        'two slow workers apart lose by adapt':
            case == 'two slow workers apart' and (
                took['adapt'] > took['cyclic'] + 1e-9).any(),
    }
    return [f'{case}: {words}' for words, is_so in checks.items() if is_so]


if __name__ == '__main__':
    sys.exit(main())
