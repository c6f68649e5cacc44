"""Turns of a run: each does a step, and a return undoes those of some.

The log has the rows of the steps that stand.  Of those that were undone it
keeps when that was, how many wrong payloads they had used, what was drawn in
them, what arrived, and the proofs.
"""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.schemes.record import DrawKind

#: A turn and the step that it does.
DTYPE = np.dtype([('turn', 'i8'), ('step', 'i8')])
#: Draws after which somebody computes a file that is another's.
CHECKS = DrawKind.CHECK, DrawKind.MORE


@dataclass(frozen=True, eq=False)
class Turns:
    """The N turns of a run, in their order."""

    turn: np.ndarray            # int (N,), ascending
    step: np.ndarray            # int (N,)
    undone: np.ndarray          # bool (N,): later
    checked: np.ndarray         # int (N,): files computed by one more worker
    exposed: np.ndarray         # int (N,): workers that were proved wrong


def turns_of(run):
    """Turns of a run, undone ones included.

    Parameters
    ----------
    run : Run or JoinedRun

    Returns
    -------
    Turns
    """
    every = _every(run)
    draws, exposures = run.draws, run.exposures
    checks = draws['turn'][np.isin(draws['kind'], CHECKS)]
    return Turns(
        turn=every['turn'], step=every['step'], undone=run.undone(every),
        checked=_counted(every['turn'], checks),
        exposed=_counted(every['turn'], [it.turn for it in exposures]))


def _every(run):
    """Turns and steps, (N,); each turn does the step behind the one before.

    A run that went on after a kill did again what had not been kept; of that
    nothing is known.
    """
    stand = np.zeros(run.n_steps, DTYPE)
    for name in DTYPE.names:
        stand[name] = run.steps[name]
    found, since = [stand], int(stand['step'][0]) if len(stand) else 0
    for it in run.rollbacks:
        undone = np.zeros(max(it.start - since, 0), DTYPE)
        undone['step'] = np.arange(it.start - len(undone), it.start)
        undone['turn'] = it.turn - it.start + undone['step']
        # What stands has the row of its own.
        found.append(undone[~np.isin(undone['turn'], stand['turn'])])
        since = it.end
    every = np.concatenate(found)
    _, first = np.unique(every['turn'], return_index=True)
    return every[first]


def _counted(turns, values):
    """Number of times that each turn is among some values, int (N,)."""
    values = np.asarray(values, dtype=np.int64)
    place = np.searchsorted(turns, values)
    known = place < len(turns)
    known[known] = turns[place[known]] == values[known]
    return np.bincount(place[known], minlength=len(turns))
