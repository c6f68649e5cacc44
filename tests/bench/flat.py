"""Memory of the server over a long run: it must not grow with the steps.

    python tests/bench/flat.py [WORKERS [STEPS]]

A simulated run, by default of 1,000 workers and 2,000 steps, with liars,
silent workers, exposures, evaluations, checkpoints and every arrival in the
log.  Prints the resident memory of the process at each tenth of the run, and
by how much it grew after the first.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

from aspis_mpi.assembly.simulate import simulate  # noqa: E402
from aspis_mpi.job import loading  # noqa: E402
from aspis_mpi.learning.problems.quadratic import Quadratic  # noqa: E402


def resident():
    """Memory of this process in MB, as it is now."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


class Weighed(Quadratic):
    """Looks at the memory whenever it is evaluated."""

    def __init__(self, seed, *, parameters: int = 50):
        super().__init__(seed, parameters=parameters)
        self.seen = []

    def evaluate(self, parameters):
        """As ever."""
        self.seen.append(resident())
        return super().evaluate(parameters)


def measure(workers, steps, folder):
    """Resident MB after each tenth of the steps, ndarray (10,)."""
    problem = Weighed(7)
    job = loading.from_tables({
        'run': {'steps': steps, 'seed': 7, 'evaluate_every': steps // 10},
        'problem': {'batch_size': workers},
        'scheme': {'name': 'robust-partial', 'workers': workers,
                   'adversaries': 1},
        'adversary': {'count': 1, 'files': 'random', 'who': 'window'},
        'delay': {'name': 'exponential', 'silent': 2,
                  'silent_after': 'encode'},
        'faults': {'silence': 1.0},
        'log': {'detail': 'arrivals'}}, problem=problem)
    code, _ = simulate(job, problem, out=Path(folder) / 'flat.h5')
    if code:
        raise SystemExit(code)
    return problem.seen[1:]


def main():
    workers = int((sys.argv[1:] or [1000])[0])
    steps = int((sys.argv[2:] or [2000])[0])
    with tempfile.TemporaryDirectory() as folder:
        seen = measure(workers, steps, folder)
    print(f'{workers} workers, MB resident after each tenth of {steps} steps:')
    print(' '.join(f'{megabytes:.1f}' for megabytes in seen))
    growth = 100 * (max(seen) / seen[0] - 1)
    print(f'grown by {growth:.1f} % after the first {steps // 10}')
    return growth > 5


if __name__ == '__main__':
    sys.exit(main())
