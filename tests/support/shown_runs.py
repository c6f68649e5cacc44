"""Runs whose reports are looked at, each of some seconds."""

from dataclasses import replace

import numpy as np

from aspis_mpi import streams
from aspis_mpi.assembly.simulate import simulate
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.schemes.record import (
    Evaluation, Event, ExposureRecord, Outcome)
from aspis_mpi.schemes.spot import inspection
from aspis_mpi.streams import Coins
from tests.support.made_up_logs import a_record, create

DIGITS = '''
[run]
seed = 5
steps = 60
evaluate_every = 5
checkpoint_every = 5
[problem]
name = "digits"
model = "mlp"
batch_size = 455
[log]
detail = "arrivals"
'''

CLEAN = DIGITS + '''
[scheme]
name = "aspis"
workers = 13
adversaries = 2
[delay]
name = "shifted-exponential"
mean = 0.1
'''

#: Two liars, slow workers, and one that is silent from step 30 on.
HARD = DIGITS + '''
[scheme]
name = "robust-partial"
workers = 13
adversaries = 2
[adversary]
count = 2
files = "random"
value = "reversed"
[delay]
name = "exponential"
mean = 0.5
per = "file"
silent = [4]
silent_from = 30
[faults]
silence = 20.0
'''

#: Two of nine workers lie, from step 60 and from step 80 on.
BACK = DIGITS.replace('steps = 60', 'steps = 150') + '''
[scheme]
name = "spot"
workers = 9
adversaries = 2
[assignment]
load = 3
[detection]
rate = 0.5
first = 0
[adversary]
count = 2
who = "tests.support.late_liar:Late"
begins = 60
apart = 20
rate = 0.5
value = "alie"
[delay]
name = "shifted-exponential"
mean = 0.1
'''

#: Steps after which the run is stopped, and its workers until then.
PARTS = (25, 13), (40, 9), (60, 11)


def clean(folder):
    """A run without adversaries."""
    return _run(folder, CLEAN)


def hard(folder):
    """A run with liars, slow workers, and one that dies."""
    return _run(folder, HARD)


def parts(folder):
    """A run that is stopped twice, and goes on with other workers."""
    job = CLEAN + '[adversary]\ncount = 2\nvalue = "alie"\n'
    for steps, workers in PARTS:
        log = _run(folder, job, [f'run.steps={steps}',
                                 f'scheme.workers={workers}'], resume=True)
    return log


def back(folder):
    """A run under spot checks that exposes its liar, and goes back."""
    drawn = inspection.Coins
    try:
        bits = streams.generator(6, 'coins').bytes
        inspection.Coins = lambda: Coins(bits)
        return _run(folder, BACK)
    finally:
        inspection.Coins = drawn


def _run(folder, text, settings=(), **options):
    job = folder / 'job.toml'
    job.write_text(text, encoding='utf-8')
    return simulate(job, out=folder / 'run.h5', settings=settings,
                    **options)[1]


# -- a long and wide one

#: Workers that lie, how often of 100 steps, and one that is slow.
LIARS, OFTEN, SLOW = 7, 30, 11


def long(folder, n_steps=10_000, n_workers=100):
    """A made-up run whose loss falls, with liars exposed one by one."""
    path = folder / 'run.h5'
    design = Cyclic(n_workers, load=5)
    rng = np.random.default_rng(1)
    blank, workers = a_record(design), np.arange(n_workers)
    adversaries = workers < LIARS
    nobody = np.zeros(n_workers, dtype=bool)
    # The last lie of each, which is found.
    ends = (workers + 1) * n_steps // (2 * LIARS)
    with create(path, design, parameters=50_000, clock='virtual',
                job=LONG.format(n_steps, LIARS)) as log:
        for step in range(n_steps):
            exposed = adversaries & (step > ends)
            lying = adversaries & ~exposed & (
                (rng.integers(100, size=n_workers) < OFTEN)
                | (step == ends))
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
            step = int(ends[worker])
            log.exposure(ExposureRecord(
                step, step, worker, ProofKind.AUDIT, f'step {step}: worker '
                f'{worker} sent what an audit does not find', turn=step))
            log.event(Event(0.3 * step, 30, 0, f'worker {worker} exposed'))
    return path


LONG = '''
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
