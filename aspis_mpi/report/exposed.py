"""Workers proved wrong in a run, when, and the sentence that says why."""

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
    """Exposed workers, in the order of the first step, and why they are.

    The sentence is that of the proof of worker and step, if the log has one.
    A number is another worker in each part of a run.
    """
    found = [exposure for part in run.parts if part.n_steps
             for exposure in _exposures_of_part(part)]
    return sorted(found, key=lambda exposure: exposure.step)


def _exposures_of_part(run):
    exposed, numbers = run.exposed, run.steps['step']
    proofs = {(proof.worker, proof.step): proof.text
              for proof in reversed(run.exposures)}
    found = []
    for worker in np.flatnonzero(exposed.any(axis=0)).tolist():
        row = int(exposed[:, worker].argmax())
        step = int(numbers[row])
        proofs |= _undone_proofs(run, worker, row)
        why = ('was exposed in an earlier part of the run'
               if 0 < step == run.first_step else
               'is exposed; the log has no proof')
        sentence = proofs.get((worker, step),
                              f'step {step}: worker {worker} {why}')
        found.append(Exposure(worker, step, int(exposed[:, worker].sum()),
                              sentence))
    return found


def _undone_proofs(run, worker, row):
    """Proofs of steps that were undone just before a row, as its own."""
    turns, numbers = run.steps['turn'], run.steps['step']
    before = turns[row - 1] if row else -1
    return {(worker, int(numbers[row])): proof.text
            for proof in reversed(run.exposures)
            if proof.worker == worker and before < proof.turn < turns[row]}
