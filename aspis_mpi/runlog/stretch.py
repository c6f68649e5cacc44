"""Where a log begins or goes on, and what is cut off of it before."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.runlog import schema

#: Rows that are looked at in one go.
WINDOW = 1 << 16


@dataclass(frozen=True)
class Stretch:
    """The steps of a run that a log holds.

    Attributes
    ----------
    step : int
        The next one.
    goes_on : bool
        The log exists; rows from `step` on are cut off.
    continues : str
        Name of the first log, where this is a later part of a run.
    """

    step: int = 0
    goes_on: bool = False
    continues: str = ''


BEGINNING = Stretch()


def cut(file, step, items):
    """Cut off what a log says of a step and of all after it.

    Events stay: they have happened.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    step : int
    items : iterable of DataSet
        All that grow.
    """
    # `/steps` first: a kill in between leaves arrays that are too long.
    rows = _before(file[schema.STEPS.path], step)
    for item in items:
        if item.path not in file:
            continue
        data = file[item.path]
        if item.name in schema.ROWS:
            data.resize(rows, axis=0)
        elif item is schema.EVALUATION:
            data.resize(_before(data, step + 1), axis=0)
        elif item is not schema.EVENTS:
            data.resize(_before(data, step), axis=0)
        if item is schema.STEPS:
            file.flush()
    file.flush()


def _before(data, step):
    """Number of rows up to the first one that is of this step or later.

    One that never reached the disk, of step -1, is later than all.
    """
    for start in range(0, len(data), WINDOW):
        steps = data.fields('step')[start:start + WINDOW]
        late = (steps >= step) | (steps < 0)
        if late.any():
            return start + int(np.argmax(late))
    return len(data)
