"""Processor time of the run log: a step, many arrivals, opening.

    python -m tests.bench.log

Microseconds a step of 8 workers and 56 files: in blocks of 64, flushed each
time, and both with five arrivals a step; then milliseconds for a flush of
100,000 arrivals, for reading them, and for opening a log.  Two versions of
the program are compared by running it in both, by turns.
"""

import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

from aspis_mpi.assignment.designs.subset import Subset  # noqa: E402
from aspis_mpi.runlog.reader import load_run  # noqa: E402
from tests.support.made_up_logs import (  # noqa: E402
    create, made_up, made_up_arrivals, made_up_truth)

DESIGN = Subset(8, replication=3)
SIZES = DESIGN.n_files, DESIGN.n_workers
BLOCK, BLOCKS, OPENED = 64, 4, 20
ROWS = [(made_up(step, *SIZES), *made_up_truth(step, *SIZES))
        for step in range(BLOCK)]
ARRIVALS = made_up_arrivals(0, DESIGN.n_workers, DESIGN.load)


def seconds(what):
    """Processor time of a call."""
    start = time.process_time()
    what()
    return time.process_time() - start


def write(log, each, arrivals):
    """Many blocks of steps, flushed after each step or each block."""
    for _ in range(BLOCKS):
        for row in ROWS:
            log.arrivals(arrivals)
            log.append(*row)
            if each:
                log.flush()
        log.flush()


def read(path):
    """All arrivals of a log and their bits."""
    with load_run(path) as run:
        run.finished(run.arrivals)


def main():
    """Print the figures as a line of JSON."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'run.h5'
        for each in False, True:
            for arrivals in [], ARRIVALS:
                name = ('flushed' if each else 'block') + (
                    ' with arrivals' if arrivals else '')
                with create(path, DESIGN, overwrite=True) as log:
                    figures[f'{name}, us'] = 1e6 / (BLOCK * BLOCKS) * seconds(
                        lambda: write(log, each, arrivals))
        figures['opening, ms'] = 1e3 / OPENED * seconds(
            lambda: [load_run(path).close() for _ in range(OPENED)])
        with create(path, DESIGN, overwrite=True) as log:
            log.arrivals(20_000 * ARRIVALS)
            figures['100,000 arrivals, ms'] = 1e3 * seconds(log.flush)
        figures['reading them, ms'] = 1e3 * seconds(lambda: read(path))
    print(json.dumps({name: round(value, 1)
                      for name, value in figures.items()}))


if __name__ == '__main__':
    main()
