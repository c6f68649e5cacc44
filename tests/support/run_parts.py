"""A run whose log has several parts, with made-up rows."""

import numpy as np

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.base import ProofKind
from aspis_mpi.runlog import schema
from aspis_mpi.schemes.record import Evaluation, Event, ExposureRecord
from tests.support.made_up_logs import (
    create, fill, made_up, made_up_arrivals, made_up_truth, mark)

#: 10, 4 and 20 files; a worker has 6, 3 and 10 of them.
DESIGNS = Subset(5, replication=3), Subset(4, replication=3), Subset(
    6, replication=3)


def write(folder, number, steps, first_step=None, *, design=None, **changed):
    """Part `number` of run.h5, with made-up rows and arrivals.

    Seconds of its evaluations and events are ten times the step.
    """
    design = design or DESIGNS[number - 1]
    name = 'run.h5' if number == 1 else f'run.{number}.h5'
    with create(folder / name, design, **changed) as log:
        for step in steps:
            log.arrivals(made_up_arrivals(step, design.n_workers,
                                          design.load))
            fill(log, design, [step])
            log.evaluation(Evaluation(step + 1, 10 * step, number, 0.5))
            log.event(Event(10 * step, 20, 0, f'{number}: {step}'))
            log.exposure(ExposureRecord(step, step, number, ProofKind.AUDIT,
                                        f'{number}: {step}'))
    if number > 1:
        mark(folder / name, min(steps, default=0)
             if first_step is None else first_step)
    return folder / name


def three_parts(folder):
    """K = 5, 4, 6 in steps 0 to 14, 10 to 17, 13 to 20; each one's last
    rows are done again by the next."""
    path = write(folder, 1, range(15))
    write(folder, 2, range(10, 18))
    write(folder, 3, range(13, 21))
    return path


#: Steps and the design of each part that count in the end.
COUNTING = tuple(zip((range(10), range(10, 13), range(13, 21)), DESIGNS))


def rows_of(name):
    """The made-up rows that count, each in the sizes of its part."""
    truths = [item.name for item in schema.TRUTH]
    for steps, design in COUNTING:
        sizes = design.n_files, design.n_workers
        for step in steps:
            yield np.asarray(
                made_up_truth(step, *sizes)[truths.index(name)]
                if name in truths else getattr(made_up(step, *sizes), name))
