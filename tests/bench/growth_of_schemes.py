"""Growth of a simulated step's processor time, for many kinds of jobs.

    python tests/bench/growth_of_schemes.py [K,K,...] [NAME ...]

Load 5 where a scheme has one, q = 2, 50 parameters, exponential delays: what
is left is the cost of messages and of decisions.  One line of JSON for each
kind of job: seconds of the start with one step, seconds of each further step,
and the power of K by which these grow from the first K to the last.  Twice as
many workers send twice as many messages, so a power far above 1 means that
some work for one message goes through all workers or files.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402

from aspis_mpi.assembly.simulate import simulate  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402

WORKERS, STEPS, Q, LOAD = (500, 1000, 2000), 5, 2, {'load': 5}
CYCLIC = {'name': 'cyclic'} | LOAD
#: Of all jobs, unless a kind says otherwise.
BASE = {'run': {'evaluate_every': 0, 'seed': 1, 'checkpoint_every': 0},
        'problem': {'name': 'quadratic', 'parameters': 50},
        'delay': {'name': 'exponential', 'mean': 0.01}}
#: Presets with a load, by name.
LOADED = ('robust-partial', 'partial', 'wait-for-all', 'spot')
#: Other presets, and their assignments.
PRESETS = {'reactive': {}, 'draco': {}, 'detox': {'replication': 2 * Q + 1},
           'aspis-plus': CYCLIC, 'byzshield': CYCLIC}


def robust(**sections):
    """Sections of `robust-partial`, changed."""
    return {'scheme': {'name': 'robust-partial'},
            'assignment': LOAD} | sections


def replicas(rule, **sections):
    """Sections of replicas under a rule."""
    return {'assignment': CYCLIC, 'transfer': {'name': 'replicas'},
            'detection': {'name': rule},
            'aggregation': {'name': 'mean'}} | sections


LIARS = {'adversary': {'count': Q}}
SILENT = {'delay': BASE['delay'] | {'silent': Q},
          'faults': {'tolerate': Q, 'silence': 1.0}}
KINDS = {
    name: {'scheme': {'name': name}, 'assignment': LOAD} for name in LOADED
} | {
    name: {'scheme': {'name': name}, 'assignment': assignment}
    for name, assignment in PRESETS.items()
} | {
    'all, challenged': replicas('certified', transfer={
        'name': 'sums', 'challenge': True}),
    'liars': robust(**LIARS),
    'silent': robust(**SILENT),
    'spot, liars': {'scheme': {'name': 'spot'}, 'assignment': LOAD,
                    'detection': {'rate': 0.5}} | LIARS,
    'integer': robust(compression={'name': 'integer'}),
    'tolerance': robust(detection={'equality': 'tolerance',
                                   'tolerance': 1e-5}),
    'adapt': robust(assignment=LOAD | {'adapt': 1},
                    delay={'name': 'slow', 'workers': [3]}),
    'reorder': robust(assignment=LOAD | {'reorder': 1}),
    'replicas, certified': replicas('certified'),
    'replicas, clique, liars': replicas('clique', **LIARS),
    'replicas, core, liars': replicas('core', **LIARS)}


def seconds(kind, n_workers, steps, folder):
    """Processor seconds of a run."""
    sections = {name: BASE.get(name, {}) | keys
                for name, keys in (BASE | KINDS[kind]).items()}
    trusts = sections.get('scheme', {}).get('name') in LOADED[1:3]
    sections['scheme'] = sections.get('scheme', {}) | {
        'workers': n_workers, 'adversaries': 0 if trusts else Q}
    sections['problem'] |= {'batch_size': 10 * n_workers}
    sections['run'] |= {'steps': steps}
    job = loading.from_tables(sections, f'{kind}.toml')
    start = time.process_time()
    with open(os.devnull, 'w') as nowhere, (
            contextlib.redirect_stderr(nowhere)):
        code, _ = simulate(job, out=Path(folder) / 'run.h5', overwrite=True)
    if code:
        sys.exit(f'{kind} with {n_workers} workers ended with {code}')
    return time.process_time() - start


def main(workers=None, *kinds):
    """Print a line for each kind of job."""
    sizes = [int(k) for k in workers.split(',')] if workers else WORKERS
    with tempfile.TemporaryDirectory() as folder:
        # What the first run of a process does once.
        seconds('partial', sizes[0], STEPS, folder)
        for kind in kinds or KINDS:
            start = [seconds(kind, k, 1, folder) for k in sizes]
            whole = [seconds(kind, k, STEPS, folder) for k in sizes]
            each = np.subtract(whole, start) / (STEPS - 1)
            ends = np.log([sizes[0], sizes[-1]]), np.log(each[[0, -1]])
            print(json.dumps({
                'kind': kind, 'workers': sizes,
                'start': np.round(start, 2).tolist(),
                'step': np.round(each, 4).tolist(),
                'power': round(float(np.divide(*map(np.diff, ends[::-1]))
                                     .item()), 2)}), flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
