"""Run logs of runs that never were: records, truth, arrivals, parts."""

from dataclasses import replace

import h5py
import numpy as np

from aspis_mpi.detection.base import ProofKind
from aspis_mpi.runlog.writer import RunLog
from aspis_mpi.schemes.record import (
    Arrival, ArrivalKind, Draw, DrawKind, ExposureRecord, Outcome,
    StepRecord)

JOB = """
[run]
steps = 40
seed = 7
[problem]
name = "digits"
model = "mlp"
batch_size = 910
[scheme]
name = "aspis"
adversaries = 3
[detection]
name = "clique"
[aggregation]
name = "median-of-means"
[adversary]
count = 3
files = "all"
value = "reversed"
"""


def made_up(step, n_files, n_workers):
    """A record full of numbers that depend on the step alone."""
    rng = np.random.default_rng(step)

    def bits(*shape):
        return rng.random(shape) < 0.4

    scalars = rng.random(11)
    counts = rng.integers(0, n_files + 1, 10)
    return StepRecord(
        step=step, loss=scalars[0], lr=scalars[1], gradient_norm=scalars[2],
        residual=scalars[3], hidden_bias=scalars[4],
        verdict=Outcome(step % len(Outcome)), epochs=int(counts[0]),
        audits=int(counts[1]), files_certified=int(counts[2]),
        files_presumed=int(counts[3]), files_dropped=int(counts[4]),
        files_missing=int(counts[5]), bytes_in=61_000_000_000 + step,
        bytes_out=int(counts[6]), messages=int(counts[7]),
        seconds_wait=scalars[5], seconds_transfer=scalars[6],
        seconds_detect=scalars[7], seconds_aggregate=scalars[8],
        seconds_update=scalars[9], seconds_step=scalars[10],
        flagged=bits(n_workers), exposed=bits(n_workers),
        excluded=bits(n_workers), disagreements=bits(n_workers, n_workers),
        margin=np.array([np.nan, scalars[0]]),
        source=rng.integers(-4, n_workers, n_files).astype(np.int16),
        contributors=bits(n_files, n_workers),
        copies=rng.integers(0, 1 << 16, n_files).astype(np.uint16),
        files_done=rng.integers(0, 1 << 16, n_workers).astype(np.uint16),
        first_report=np.where(bits(n_workers), np.nan, rng.random(n_workers)),
        last_report=rng.random(n_workers), late=bits(n_workers),
        account=rng.random(n_workers), turn=3 * step + 1,
        files_checked=step % 5)


def made_up_truth(step, n_files, n_workers):
    """Adversaries, their lies and delays, which depend on the step alone."""
    rng = np.random.default_rng([step, 1])
    return (rng.random(n_workers) < 0.3,
            rng.random((n_files, n_workers)) < 0.3,
            rng.random(n_workers) < 0.1, rng.random(n_workers) < 0.2)


def made_up_arrivals(step, n_workers, load):
    """A step's arrivals, which depend on the step alone."""
    rng = np.random.default_rng([step, 2])
    return [Arrival(
        step, int(rng.integers(-1, n_workers)), ArrivalKind(i % 7),
        int(rng.integers(0, 1 << 16)), rng.random(),
        int(rng.integers(0, 1 << 40)),
        np.packbits(rng.random(load) < 0.5).tobytes(), 3 * step + 1)
        for i in range(5)]


def made_up_draws(step, shift=0):
    """Draws of a step in turn 3 step + 1 + shift: a coin, a seed, a check."""
    where = step, 3 * step + 1 + shift, step % 2
    return [Draw(*where, DrawKind.HEADS),
            Draw(*where, DrawKind.CHALLENGE, (step, 2 ** 64 - 1 - step)),
            Draw(*where, DrawKind.CHECK, worker=step % 5, checks=step)]


def made_up_exposure(step):
    """A proof that depends on the step alone."""
    return ExposureRecord(step, step // 2, step % 8, ProofKind(step % 4),
                          f'proof {step}', turn=3 * step + 1)


def create(path, assignment, **changed):
    """An empty log with made-up circumstances."""
    arguments = dict(job=JOB, seed=7, parameters=12, mpi='Open MPI 5.0.11',
                     hosts=['n1', 'n2'],
                     samples=np.arange(1, assignment.n_files + 1))
    return RunLog(path, assignment, **(arguments | changed))


def fill(log, assignment, steps):
    """Append made-up rows."""
    sizes = assignment.n_files, assignment.n_workers
    for step in steps:
        log.append(made_up(step, *sizes), *made_up_truth(step, *sizes))


def clean(log, assignment, steps, reported=None):
    """Append clean steps of 0.4 s.

    `reported`, (T, K), are the seconds of each worker's last report; NaN
    where it finishes nothing.
    """
    record = a_record(assignment)
    n_files, n_workers = assignment.n_files, assignment.n_workers
    nobody = np.zeros(n_workers, dtype=bool)
    for row, step in enumerate(steps):
        last = record.last_report if reported is None else reported[row]
        log.append(replace(
            record, step=step, last_report=last, files_done=np.where(
                np.isnan(last), 0, record.files_done)), nobody,
            np.zeros((n_files, n_workers), dtype=bool), nobody, nobody)


def mark(path, step, first='run.h5', **changed):
    """Say that a log goes on with another one from a step on."""
    with h5py.File(path, 'a') as file:
        file.attrs.update({'continues': first, 'first_step': step} | changed)
    return path


def a_record(assignment):
    """A clean step in which the lowest holder of each file is used."""
    n_files, n_workers = assignment.n_files, assignment.n_workers
    nobody, seconds = np.zeros(n_workers, dtype=bool), np.zeros(n_workers)
    source = assignment.holders[:, 0]
    return StepRecord(
        step=0, loss=1.0, lr=0.1, gradient_norm=1.0, residual=0.0,
        hidden_bias=0.0, verdict=Outcome.CLEAN, epochs=1, audits=0,
        files_certified=0, files_presumed=0, files_dropped=0,
        files_missing=0, bytes_in=1000, bytes_out=100, messages=10,
        seconds_wait=0.1, seconds_transfer=0.0, seconds_detect=0.1,
        seconds_aggregate=0.1, seconds_update=0.1, seconds_step=0.4,
        flagged=nobody, exposed=nobody, excluded=nobody,
        disagreements=np.zeros((n_workers, n_workers), dtype=bool),
        margin=np.full(2, np.nan), source=source.astype(np.int16),
        contributors=np.arange(n_workers) == source[:, None],
        copies=np.full(n_files, 3, dtype=np.uint16),
        files_done=assignment.loads.astype(np.uint16),
        first_report=seconds, last_report=seconds, late=nobody,
        account=seconds, turn=0)
