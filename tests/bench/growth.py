"""Growth of a step's cost with the number of workers, simulated.

    python tests/bench/growth.py [K ...]

`cyclic`, load 5, challenged sums, q = 2, d = 10,000, exponential delays.  One
line of JSON for each K: process seconds inside the server's machine a step,
bytes into the server and out of it, bytes of the log as they are compressed
and before, bytes of a worker's signal, seconds of a whole step in `simulate`,
workers' computing included.
The last line has the exponents that fit best, and bytes out and of the log as
a K + b K^2.  Exit code 1 where a figure is above what is promised.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import h5py  # noqa: E402
import numpy as np  # noqa: E402

from aspis_mpi import load_run  # noqa: E402
from aspis_mpi.assembly import simulate, wiring  # noqa: E402
from aspis_mpi.assembly.design import Design  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402
from aspis_mpi.protocol.messages import Encode  # noqa: E402
from aspis_mpi.protocol.server.machine import ParameterServer  # noqa: E402
from aspis_mpi.runlog import schema  # noqa: E402

WORKERS = (125, 250, 500, 1000, 2000)
D, LOAD, Q = 10_000, 5, 2
#: Steps of each run, the first few of which are not counted.
STEPS, WARM = 8, 3
#: What must not be exceeded: exponents, and figures at the largest K.
EXPONENT, SIGNAL, STEP = 1.1, 6000, 0.25


class Metered(ParameterServer):
    """A server that counts its process seconds, and the times of its steps."""

    seconds = 0.0
    marks = []

    def start(self):
        """Begin the first step."""
        return self._metered(super().start)

    def handle(self, worker, message):
        """Take one message of a worker."""
        return self._metered(super().handle, worker, message)

    def proceed(self):
        """Compute what is due."""
        before = self.step
        out = self._metered(super().proceed)
        if self.step != before:
            type(self).marks.append((self.seconds, time.perf_counter()))
        return out

    def tick(self):
        """Look at the clock."""
        return self._metered(super().tick)

    def _metered(self, act, *what):
        began = time.process_time()
        out = act(*what)
        type(self).seconds += time.process_time() - began
        return out


def job(k):
    """The job of K workers."""
    return loading.from_tables({
        'run': {'steps': STEPS, 'seed': 7, 'evaluate_every': 0,
                'checkpoint_every': 0},
        'problem': {'name': 'quadratic', 'parameters': D, 'batch_size': k},
        'scheme': {'name': 'robust-partial', 'workers': k, 'adversaries': Q},
        'assignment': {'load': LOAD},
        'delay': {'name': 'exponential', 'mean': 0.01},
        'log': {'flush_seconds': 0.0},
    }, 'growth.toml')


def measure(k):
    """The figures of K workers, a step."""
    Metered.seconds, Metered.marks = 0.0, []
    wiring.ParameterServer = Metered
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'run.h5'
        simulate.simulate(job(k), out=path)
        with load_run(path) as run:
            rows = run.steps[WARM:]
            bytes_in, bytes_out = (float(np.median(rows[name]))
                                   for name in ('bytes_in', 'bytes_out'))
        log_bytes = of_log(path, k)
    inside, wall = np.diff(np.array(Metered.marks)[WARM - 1:], axis=0).T
    return {
        'workers': k, 'server_seconds': round(float(np.median(inside)), 5),
        'bytes_in': bytes_in, 'bytes_out': bytes_out,
        'log_bytes': round(log_bytes),
        'log_bytes_whole': sum(item.row_bytes(k, k)
                               for item in schema.ROWS.values()),
        'signal_bytes': Design(job(k)).wire().size(Encode),
        'step_seconds': round(float(np.median(wall)), 4)}


def of_log(path, k):
    """Bytes of a step's rows, as they are compressed."""
    with h5py.File(path, locking=False) as file:
        return sum(
            file[item.path].id.get_storage_size() / len(file[item.path])
            if file[item.path].compression else item.row_bytes(k, k)
            for item in schema.ROWS.values())


def exponent(rows, name):
    """The power of K that fits best."""
    logs = np.log([[row['workers'], row[name]] for row in rows])
    return round(float(np.polyfit(*logs.T, 1)[0]), 3)


def quadratic(rows, name):
    """Numbers a and b of a K + b K^2, by least squares of relative errors."""
    k = np.array([row['workers'] for row in rows], dtype=float)
    values = np.array([row[name] for row in rows])
    found = np.linalg.lstsq(np.stack([k, k * k], axis=1) / values[:, None],
                            np.ones(k.size), rcond=None)[0]
    return [float(f'{it:.4g}') for it in found]


def main(workers):
    """Print all figures; True where one is above what is promised."""
    rows = []
    for k in workers:
        rows.append(measure(k))
        print(json.dumps(rows[-1]), flush=True)
    powers = {name: exponent(rows, name) for name in (
        'server_seconds', 'bytes_in', 'bytes_out', 'log_bytes')}
    print(json.dumps({
        'exponents': powers, 'bytes_out_K_K2': quadratic(rows, 'bytes_out'),
        'log_bytes_K_K2': quadratic(rows, 'log_bytes'),
        'log_bytes_whole_K_K2': quadratic(rows, 'log_bytes_whole')}))
    last = rows[-1]
    return (max(powers['server_seconds'], powers['bytes_in']) > EXPONENT
            or last['signal_bytes'] > SIGNAL or last['step_seconds'] > STEP)


if __name__ == '__main__':
    sys.exit(main([int(it) for it in sys.argv[1:]] or WORKERS))
