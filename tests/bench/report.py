"""Seconds and bytes of the report of a long, wide run.

    python -m tests.bench.report
    python -m tests.bench.report --steps 2000 --workers 40 --keep FOLDER

A log of 10,000 steps and 100 workers is made up, a few of which lie, are
proved wrong and are slow; its report is written.  A line of JSON has the
seconds of that, the most memory of the process, and the bytes of the page and
of the log.  `--keep` leaves both there, to be looked at.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402

from aspis_mpi.assignment.designs.cyclic import Cyclic  # noqa: E402
from aspis_mpi.detection.base import ProofKind  # noqa: E402
from aspis_mpi.report.making import report  # noqa: E402
from aspis_mpi.schemes.record import (  # noqa: E402
    Evaluation, Event, ExposureRecord, Outcome)
from tests.support.made_up_logs import a_record, create  # noqa: E402

#: Workers that lie, how often of 100 steps, and one that is slow.
LIARS, OFTEN, SLOW = 7, 30, 11


def write(path, n_steps, n_workers):
    """A log whose loss falls, with liars that are exposed one by one."""
    design = Cyclic(n_workers, load=5)
    rng = np.random.default_rng(1)
    blank, workers = a_record(design), np.arange(n_workers)
    adversaries = workers < LIARS
    nobody = np.zeros(n_workers, dtype=bool)
    with create(path, design, parameters=50_000, clock='virtual',
                job=JOB.format(n_steps, LIARS)) as log:
        for step in range(n_steps):
            exposed = adversaries & (workers * n_steps < step * 2 * LIARS)
            lying = adversaries & ~exposed & (
                rng.integers(100, size=n_workers) < OFTEN)
            seconds = rng.exponential(0.02, n_workers) + 0.1
            seconds[SLOW] += 0.2 * (step % 50 < 10)
            graph = lying[:, None] & ~lying
            log.append(replace(
                blank, step=step, turn=step, verdict=Outcome(
                    Outcome.RESOLVED if lying.any() else Outcome.CLEAN),
                loss=2.3 * np.exp(-3 * step / n_steps) + 0.05 * rng.random(),
                flagged=lying | exposed, exposed=exposed,
                excluded=exposed, disagreements=graph | graph.T,
                files_certified=n_workers - int(lying.sum()),
                files_dropped=int(lying.sum()),
                files_done=np.full(n_workers, 5, dtype=np.uint16),
                last_report=seconds, first_report=seconds / 5,
                late=(workers == SLOW) & (step % 50 < 10),
                contributors=design.incidence & ~lying & ~exposed,
                seconds_detect=0.02, seconds_aggregate=0.01,
                seconds_update=0.01,
                bytes_in=4 * 50_000 * n_workers, bytes_out=200_000,
                seconds_wait=seconds.max(), seconds_step=seconds.max() + 0.1,
                account=np.where(workers == SLOW, 0.04 * step, 0.0)),
                adversaries, design.incidence & lying, nobody, nobody)
            if step % 100 == 99:
                log.evaluation(Evaluation(
                    step + 1, 0.3 * step, 2.2 * np.exp(-3 * step / n_steps),
                    0.98 - 0.88 * np.exp(-3 * step / n_steps)))
        for worker in range(LIARS):
            step = worker * n_steps // (2 * LIARS)
            log.exposure(ExposureRecord(
                step, step, worker, ProofKind.AUDIT, f'step {step}: worker '
                f'{worker} sent what an audit does not find', turn=step))
            log.event(Event(0.3 * step, 30, 0, f'worker {worker} exposed'))
    return path


JOB = '''
[run]
steps = {}
[problem]
name = "digits"
model = "mlp"
batch_size = 1000
[scheme]
name = "robust-partial"
[detection]
name = "certified"
[aggregation]
name = "mean"
[adversary]
count = {}
files = "random"
value = "reversed"
'''


def main():
    """Print the figures as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=10_000)
    parser.add_argument('--workers', type=int, default=100)
    parser.add_argument('--keep', type=Path, metavar='FOLDER')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = arguments.keep or Path(folder)
        log = write(place / 'long.h5', arguments.steps, arguments.workers)
        start, used = time.perf_counter(), time.process_time()
        out = report([log], place / 'long.html')
        print(json.dumps({
            'seconds': round(time.perf_counter() - start, 2),
            'processor_seconds': round(time.process_time() - used, 2),
            'peak_bytes': 1024 * resource.getrusage(
                resource.RUSAGE_SELF).ru_maxrss,
            'page_bytes': out.stat().st_size,
            'log_bytes': log.stat().st_size}))


if __name__ == '__main__':
    main()
