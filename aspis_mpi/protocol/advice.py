"""What the server says of a step that must not be: sentences for people."""

import logging

import numpy as np

from aspis_mpi.schemes.record import Outcome
from aspis_mpi.words import few

#: Steps without an update, one after the other, that end the run.
MOST_CONTRADICTIONS = 3


class Premise:
    """Counts the steps in which the assumptions cannot have held.

    Parameters
    ----------
    chronicle : Chronicle

    Attributes
    ----------
    failures : int
        Of the last steps, one after the other.
    """

    def __init__(self, chronicle):
        self.failures = 0
        self._note = chronicle.note

    def hopeless(self, step, resolution):
        """Report a violated premise; whether there were too many in a row."""
        if resolution.outcome is not Outcome.CONTRADICTION:
            self.failures = 0
            return False
        self.failures += 1
        reason = resolution.verdict.contradiction
        self._note(logging.WARNING, f'step {step}: {reason}; '
                   f'{accused(resolution)}; the parameters stay')
        if self.failures < MOST_CONTRADICTIONS:
            return False
        self._note(logging.ERROR, f'the premise failed in {self.failures} '
                   f'steps in a row: {suspicion(resolution)}')
        return True


def accused(resolution):
    """Who disagrees with whom and by how much, in one clause."""
    pairs = np.argwhere(np.triu(resolution.disagreements))
    if not len(pairs):
        return 'no two workers disagree'
    named = few([f'{a}-{b}' for a, b in pairs.tolist()])
    return (f'pairs {named} disagree, the closest by '
            f'{resolution.margin[1]:.3g} of its norm')


def suspicion(resolution):
    """Which of the assumptions it looks like, as advice."""
    if 'not finite' in resolution.verdict.contradiction:
        return ('training seems to have diverged; lower optimizer.lr or set '
                'optimizer.clip')
    if 'exposed' in resolution.verdict.contradiction:
        return ('more workers than scheme.adversaries are proved wrong, as '
                'the warnings say; if their messages were malformed, do all '
                'ranks run one version of this program?')
    if resolution.margin[1] < 1e-2:
        return ('the values differ by little, so it looks like hardware or '
                'thread counts that compute different bits')
    return ('the values differ by much, so it looks like more wrong workers '
            'than scheme.adversaries')
