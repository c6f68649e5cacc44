"""Flags of the server beside the truth of the log."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.report import palette
from aspis_mpi.report.parts import side_by_side

#: What a worker is in a step, and its colour, by rising importance: where
#: several steps share a column of the picture, the last one shows.
KINDS = tuple(zip((
    'honest, not flagged', 'adversary, no lie', 'no work this step',
    'liar, flagged', 'liar, missed', 'honest, flagged'), palette.KINDS))
HONEST, TRUE, EXCLUDED, CAUGHT, MISSED, FRAMED = range(len(KINDS))
#: The part of the run that did this step had no such worker.
ABSENT = -1


def kinds_of(run):
    """Kind of each worker in each step, each part of the run by itself.

    Parameters
    ----------
    run : Run or JoinedRun

    Returns
    -------
    ndarray of int8, shape (K, T)
        Numbers of `KINDS`, `ABSENT` where a part had no such worker.
    """
    return side_by_side(run, _kinds_of_part, ABSENT)


def _kinds_of_part(run):
    flagged, adversary = run.flagged.T, run.adversaries.T
    return np.select([flagged & ~adversary, flagged, run.excluded.T,
                      run.lied.T & adversary, adversary],
                     [FRAMED, CAUGHT, EXCLUDED, MISSED, TRUE], HONEST)


@dataclass(frozen=True)
class Liar:
    """A worker that lied, by the truth; a part has workers of its own."""

    worker: int
    first: int                  # step of its first lie
    last: int
    steps: int                  # in so many steps
    part: int


def liars_of(run):
    """Workers that lied on a file or a payload, by part and number.

    Returns
    -------
    list of Liar
    """
    return [liar for number, part in enumerate(run.parts, start=1)
            for liar in _liars_of_part(part, number)]


def _liars_of_part(run, number):
    # Who has no work cannot lie, whatever it would have done.
    lied, steps = run.lied & ~run.excluded, run.steps['step']
    for worker in np.flatnonzero(lied.any(axis=0)).tolist():
        rows = np.flatnonzero(lied[:, worker])
        yield Liar(worker, int(steps[rows[0]]), int(steps[rows[-1]]),
                   rows.size, number)
