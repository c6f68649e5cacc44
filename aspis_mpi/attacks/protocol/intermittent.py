"""Silence that goes round among the adversaries."""

import numpy as np

from aspis_mpi.attacks.protocol.counts import Counts


class Intermittent(Counts):
    """Turns at silence, while the other adversaries do as they are asked.

    Whose turn it is reports everything at once and sends nothing that it
    is asked for, and no replica.

    Parameters
    ----------
    seed : int
    period : int
        Steps that a turn lasts, at least 1.
    """

    name = 'intermittent'
    timing = True
    seconds = np.inf

    def __init__(self, seed, *, period: int = 1):
        super().__init__(seed)
        if period < 1:
            raise ValueError(f'period {period} must be at least 1')
        self._period = period

    def dawdlers(self, step, adversaries):
        """The one whose turn it is, by ascending number."""
        silent = np.zeros_like(adversaries)
        among = np.flatnonzero(adversaries)
        if among.size:
            silent[among[step // self._period % among.size]] = True
        return silent
