"""The price of spot checks while nobody lies, beside nothing and everything.

    python tests/bench/spot.py [PROBLEM [STEPS [PAIRS]]]
    mpirun --oversubscribe -n 16 python tests/bench/spot.py [...]

PROBLEM is `quadratic` (20 samples a file) or `mlp` (digits, 4 samples a
file), both of at least 50,000 parameters.  Each pair is a run of preset
`spot` (load 20, rate 0.1, the first 10 steps checked), one with sketches in
float64 and one of `wait-for-all` with the same load, batch and files, one
after the other; beside them preset `uncoded` and `robust-partial` with q = 2.
K = 15, in the simulator 5 ms a file.  Printed as JSON: gradients, bytes into
the server (over K d 4), median and mean seconds of a step, each over that of
`wait-for-all`.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from aspis_mpi import load_run, run, simulate
from aspis_mpi.backends.launcher import launch

WORKERS, LOAD, RATE, Q = 15, 20, 0.1, 2
PROBLEMS = {
    'quadratic': '''
name = "quadratic"
parameters = 50000
batch_size = 6000
''',
    'mlp': '''
name = "digits"
model = "mlp"
hidden = 700
batch_size = 1200
'''}
JOB = '''
[run]
steps = {steps}
seed = 7
evaluate_every = 0
checkpoint_every = 0
[problem]{problem}
[scheme]
workers = {workers}
{scheme}
'''
SPOT = f'''
name = "spot"
adversaries = {Q}
[assignment]
load = {LOAD}
[detection]
rate = {RATE}
first = 10
'''
#: Those that take turns, and those that are run once.
PAIRED = {
    'wait-for-all': f'name = "wait-for-all"\n[assignment]\nload = {LOAD}',
    'spot': SPOT,
    'spot, float64': f'{SPOT}[transfer]\nsketch_type = "float64"'}
ONCE = {
    'uncoded': 'name = "uncoded"',
    'robust-partial': f'name = "robust-partial"\nadversaries = {Q}'}
DELAY = '\n[delay]\nname = "constant"\nmean = 0.005\n'


def measured(scheme, problem, steps, folder, parallel):
    """Gradients, bytes in, median and mean seconds of a step of one run."""
    path = Path(folder, 'job.toml')
    if not parallel or parallel.rank == 0:
        path.write_text(JOB.format(
            steps=steps, problem=PROBLEMS[problem], workers=WORKERS,
            scheme=scheme) + ('' if parallel else DELAY))
    if parallel:
        parallel.barrier()
    out = Path(folder, 'run.h5')
    go = run if parallel else simulate
    go(path, out=out, overwrite=True)
    if parallel and parallel.rank:
        return None
    with load_run(out) as found:
        rows, d = found.steps, int(found.attrs['parameters'])
        computed = found.files_done.sum(axis=1) + rows['files_checked']
        return {'gradients': computed.mean() / found.n_files,
                'bytes': rows['bytes_in'].mean() / (WORKERS * d * 4),
                'median': float(np.median(rows['seconds_step'])),
                'mean': float(rows['seconds_step'].mean())}


def ranks():
    """The communicator of an mpirun of several ranks, or None."""
    if launch().size == 1:
        return None
    from mpi4py import MPI
    return MPI.COMM_WORLD


def main(problem='mlp', steps='500', pairs='3'):
    """Print the figures of all schemes over those of `wait-for-all`."""
    comm = ranks()
    folder = tempfile.mkdtemp() if not comm or comm.rank == 0 else None
    folder = comm.bcast(folder) if comm else folder
    found = {name: [] for name in PAIRED | ONCE}
    for name, scheme in [*PAIRED.items()] * int(pairs) + [*ONCE.items()]:
        found[name].append(measured(scheme, problem, int(steps), folder,
                                    comm))
    if comm and comm.rank:
        return
    base = found['wait-for-all']
    for scheme, rows in found.items():
        told = {'scheme': scheme, 'problem': problem,
                'gradients': round(rows[0]['gradients'], 4),
                'bytes': round(rows[0]['bytes'], 4)}
        for key in ('median', 'mean'):
            ratios = [row[key] / other[key]
                      for row, other in zip(rows, base)]
            told[key] = round(float(np.median(ratios)), 4)
            told[f'{key} ms'] = round(1e3 * float(np.median(
                [row[key] for row in rows])), 2)
        print(json.dumps(told))


if __name__ == '__main__':
    main(*sys.argv[1:])
