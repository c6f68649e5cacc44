"""Who was proved wrong in a run, when, and the sentence that says why."""

import re
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Exposure:
    """A worker, the first step in which it is exposed, and the sentence."""

    worker: int
    step: int
    steps: int                  # in so many steps of the log
    sentence: str


def exposures_of(run):
    """Who is exposed, in the order of the first step, and why.

    The sentence is the event that names worker and step, if there is one.
    A number is another worker in each part of a run.
    """
    found = [exposure for part in run.parts if part.n_steps
             for exposure in _exposures_of_part(part)]
    return sorted(found, key=lambda exposure: exposure.step)


def _exposures_of_part(run):
    exposed, numbers = run.exposed, run.steps['step']
    events, found = run.events, []
    for worker in np.flatnonzero(exposed.any(axis=0)).tolist():
        step = int(numbers[exposed[:, worker].argmax()])
        told = re.compile(rf'\bstep {step}: ')
        why = ('was exposed in an earlier part of the run'
               if 0 < step == run.first_step else
               'is exposed, no event says why')
        sentence = next(
            (event.text for event in events
             if event.rank == worker + 1 and told.search(event.text)),
            f'step {step}: worker {worker} {why}')
        found.append(Exposure(worker, step, int(exposed[:, worker].sum()),
                              sentence))
    return found
