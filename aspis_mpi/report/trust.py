"""Trust of the server in workers and files, and the cost of replicas."""

from dataclasses import dataclass

import numpy as np

from aspis_mpi.protocol.buffers import HEADER_BYTES
from aspis_mpi.report import palette
from aspis_mpi.report.parts import files_a_step, side_by_side
from aspis_mpi.runlog.view import WINDOW

#: What a worker is in a step, and its colour, by rising severity: where
#: several steps share a column of the picture, the last one shows.
STATES = tuple(zip((
    'fine',
    'slow: late, under half of the median files, or twice its time',
    'not heard in the step: too slow, or dead',
    'suspected: disagrees with somebody not exposed or flagged',
    'dead, or without work: silent, or has cost too much',
    'excluded: no work since it was exposed',
    'flagged by the rule of this step',
    'exposed: proved wrong, and at work'), palette.STATES))
(FINE, SLOW, UNHEARD, SUSPECTED, DEAD, EXCLUDED, FLAGGED,
 EXPOSED) = range(len(STATES))
#: The part of the run that did this step had no such worker.
ABSENT = -1


@dataclass(frozen=True, eq=False)
class Layer:
    """One kind of files: how many there are in each step, int (T,)."""

    label: str
    colour: palette.Colour
    counts: np.ndarray


@dataclass(frozen=True, eq=False)
class Replicas:
    """Bytes of each step if all workers sent each file's d numbers alone."""

    d: int
    nbytes: np.ndarray          # int (T,)


def states_of(run):
    """State of each worker in each step, each part of the run by itself.

    Parameters
    ----------
    run : Run or JoinedRun

    Returns
    -------
    ndarray of int8, shape (K, T)
        Numbers of `STATES`, `ABSENT` where a part had no such worker.  The
        severest that applies, from above.  `EXPOSED`: by this step's
        evidence or by memory, and at work.  `FLAGGED`: the rule of this step
        takes it for wrong, without a proof.  `EXCLUDED`: no work, and
        exposed in its last step with work or since.  `DEAD`: no work without
        that, from the step before until it is heard again.
        `SUSPECTED`: disagrees with a worker that is neither exposed nor
        flagged; what these say accuses nobody.  `UNHEARD`: no report in a
        step that did not wait for it.  `SLOW`: late with an answer, or
        under half of the files at the signal, or over twice the time to the
        last report, of the median worker.
    """
    return side_by_side(run, _states_of_part, ABSENT)


def _states_of_part(run):
    exposed, excluded = run.exposed.T, run.excluded.T
    done, last = run.files_done.T.astype(int), run.last_report.T
    unheard = np.isnan(last)
    left_out = excluded & (_latest(exposed) < _latest(~excluded))
    dead = left_out | (_latest(left_out) > _latest(~unheard))
    dead[:, :-1] |= left_out[:, 1:]

    slow = run.late.T | (2 * done < _median(done, excluded)) | (
        last > 2 * _median(last, excluded | unheard))
    return np.select(
        [excluded & ~left_out, exposed, run.flagged.T, dead, _suspected(run),
         unheard, slow],
        [EXCLUDED, EXPOSED, FLAGGED, DEAD, SUSPECTED, UNHEARD, SLOW],
        FINE)


def _latest(facts):
    """Row of the latest step in which each was true, or -1, (K, T)."""
    rows = np.where(facts, np.arange(facts.shape[1]), -1)
    return np.maximum.accumulate(rows, axis=1)


def _median(values, without):
    """Of each step's workers, those left aside that are `without`."""
    return np.ma.median(np.ma.array(values, mask=without), axis=0).filled(0)


def _suspected(run):
    """Workers at odds with one neither exposed nor flagged, bool (K, T)."""
    wrong = run.exposed | run.flagged
    found = np.zeros_like(wrong)
    span = max(1, WINDOW // run.n_workers ** 2)
    for start in range(0, run.n_steps, span):
        steps = slice(start, start + span)
        graph = run.read('disagreements', steps)
        graph &= ~wrong[steps, None]
        found[steps] = graph.any(axis=2)
    return found.T


def files_of(run):
    """The kinds of files over time, a tuple of `Layer` that add up to f."""
    certified, presumed, dropped, missing = (
        run.steps[f'files_{kind}'].astype(np.int64)
        for kind in ('certified', 'presumed', 'dropped', 'missing'))
    n_files = files_a_step(run)
    if not (certified | presumed).any():
        return (Layer('used', palette.BLUE, n_files - dropped - missing),
                Layer('dropped', palette.ORANGE, dropped),
                Layer('missing', palette.INK, missing))
    rest = n_files - certified - presumed - missing
    return (Layer('certified', palette.BLUE, certified),
            Layer('presumed', palette.SKY, presumed),
            Layer('contested, or nobody left to believe', palette.ORANGE,
                  np.maximum(rest, 0)),
            Layer('missing', palette.INK, missing))


def replicas_of(run):
    """Cost that shipping all replicas would have had, `Replicas`."""
    d = int(run.attrs['parameters'])
    copies = np.repeat([int(part.incidence.sum()) for part in run.parts],
                       [part.n_steps for part in run.parts])
    return Replicas(d, copies * (4 * d + HEADER_BYTES))
