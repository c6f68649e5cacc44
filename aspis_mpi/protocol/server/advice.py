"""Sentences for people about a step that must not be."""

import logging

import numpy as np

from aspis_mpi import arrays
from aspis_mpi.detection.contradiction import ContradictionKind
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import MOST_CONTRADICTIONS, Outcome
from aspis_mpi.words import few

#: Kinds of contradiction that look like training that diverges.
DIVERGES = ContradictionKind.NOT_FINITE, ContradictionKind.GROWN


class Premise:
    """Counts the steps in which the assumptions cannot have held.

    Parameters
    ----------
    notes : Notes
    training : Training
    examiner : Auditor, optional
        Looks at what the server can compute itself.

    Attributes
    ----------
    failures : int
        Of the last steps, one after the other.
    """

    def __init__(self, notes, training, examiner=None):
        self.failures = 0
        self._told = False
        self._training = training
        self._examiner = examiner
        self._note = notes.note

    def hopeless(self, step, resolution):
        """Report a violated premise; True after too many in a row."""
        if resolution.outcome is not Outcome.CONTRADICTION:
            self.failures = 0
            self._skipped(step, resolution)
            return False
        self.failures += 1
        reason = resolution.verdict.contradiction.text
        self._note(logging.WARNING, EventCode.CONTRADICTION,
                   f'step {step}: {reason}; '
                   f'{accused(resolution)}; the parameters stay')
        last = self.failures >= MOST_CONTRADICTIONS
        found = (self._found(step, resolution)
                 if last or self.failures == 1 else '')
        if last:
            self._note(logging.ERROR, EventCode.FAILED,
                       f'the premise failed in {self.failures} steps in a '
                       f'row: {found or suspicion(resolution)}')
        elif found:
            self._note(logging.WARNING, EventCode.CONTRADICTION,
                       f'step {step}: {found}')
        return last

    def _skipped(self, step, resolution):
        """Say once that workers agree about no file."""
        if resolution.outcome is not Outcome.SKIPPED or self._told or (
                not resolution.disagreements.any()):
            return
        self._told = True
        found = self._found(step, resolution)
        self._note(logging.WARNING, EventCode.SKIPPED,
                   f'step {step}: no file can be used; '
                   f'{accused(resolution)}; the parameters stay'
                   + (f': {found}' if found else ''))

    def _found(self, step, resolution):
        """Findings of the server that computes itself, as advice, or ''."""
        parameters = self._training.parameters.values
        if self._examiner is None or not arrays.is_finite(parameters):
            return ''
        if _kind(resolution) is ContradictionKind.NOT_FINITE:
            found = self._examiner.not_finite(step, parameters,
                                              resolution.not_finite)
            return found and bad_data(step, *found, np.abs(parameters).max())
        if not self._examiner.computes or not resolution.disagreements.any():
            return ''
        return '' if self._examiner.repeats(step, 0, parameters) else (
            f'rank 0 itself computes file 0 of step {step} twice and gets '
            'other bits each time: gradient is no function of parameters and '
            'samples alone (random numbers, something kept from call to '
            'call, kernels that are not deterministic), so that nobody need '
            'be wrong')


def _kind(resolution):
    """The kind of contradiction; None where a step has none."""
    contradiction = resolution.verdict.contradiction
    return None if contradiction is None else contradiction.kind


def bad_data(step, file, samples, are_all, largest):
    """The source of numbers that are not finite, as advice."""
    whose = 'its sample' if len(samples) == 1 else 'its samples'
    return (f'the gradient of file {file} of step {step} is not finite, '
            f'though the parameters are (at most {largest:.3g}), because of '
            f'{"all of " if are_all else ""}{whose} {few(samples)}: look at '
            'the data' + (', or lower optimizer.lr if the parameters have '
                          'grown' if are_all else ''))


def accused(resolution):
    """The pairs that disagree and by how much, in one clause."""
    pairs = np.argwhere(np.triu(resolution.disagreements))
    if not len(pairs):
        return 'no two workers disagree'
    named = few([f'{a}-{b}' for a, b in pairs.tolist()])
    return (f'pairs {named} disagree, the closest by '
            f'{resolution.margin[1]:.3g} of its norm')


def suspicion(resolution):
    """The assumption that seems not to hold, as advice."""
    kind = _kind(resolution)
    if kind in DIVERGES:
        return ('training seems to have diverged; lower optimizer.lr or set '
                'optimizer.clip')
    if kind is ContradictionKind.EXPOSED:
        return ('more workers than scheme.adversaries are proved wrong, as '
                'the warnings say; if their messages were malformed, do all '
                'ranks run one version of this program?')
    if resolution.margin[1] < 1e-2:
        return ('the values differ by little, so it looks like hardware or '
                'thread counts that compute different bits')
    return ('the values differ by much, so it looks like more wrong workers '
            'than scheme.adversaries')
