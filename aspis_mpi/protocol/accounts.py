"""What workers have cost a run, and who gets no work for it."""

import numpy as np


class Accounts:
    """Seconds for which steps waited for a worker, or worked because of it.

    A worker whose account is above the larger of two silences and a share
    of the run's seconds so far has no work, until the run has lasted long
    enough.  Nothing else clears an account: liars that take turns, or behave
    for a while, cost no more than others.  Of workers that are equally fast
    one is always the last, so whoever answers may cost as much more as the
    middle one of all has, which is no more than an honest one has.

    Parameters
    ----------
    n_workers : int
    patience : float
        The share of the run's seconds; 0 is off.
    silence : float
        Seconds until a worker is given up as silent.
    most : int
        Workers without work at once, besides those that did not answer at
        all when they were asked last.

    Attributes
    ----------
    seconds : ndarray of float64, shape (K,)
    silent : ndarray of bool, shape (K,)
        Who was given up as silent in the last step that it took part in.
    """

    def __init__(self, n_workers, patience=0.01, silence=60.0, most=0):
        self.seconds = np.zeros(n_workers)
        self.silent = np.zeros(n_workers, dtype=bool)
        self._patience = patience
        self._silence = silence
        self._most = most

    @property
    def _usual(self):
        """What each worker costs if it is as fast as others, (K,)."""
        middle = np.sort(self.seconds)[(len(self.seconds) - 1) // 2]
        return np.where(self.silent, 0.0, middle)

    def limit(self, seconds):
        """What each worker may cost a run of so many seconds, (K,)."""
        if not self._patience:
            return np.full(len(self.seconds), np.inf)
        return self._usual + max(2 * self._silence, self._patience * seconds)

    def until(self, worker):
        """How many seconds the run must last before it gets work again."""
        return (self.seconds - self._usual)[worker] / self._patience

    def idle(self, seconds, able):
        """Who gets no work in a step.

        Parameters
        ----------
        seconds : float
            Since the run began.
        able : ndarray of bool, shape (K,)
            Who could take part otherwise.

        Returns
        -------
        ndarray of bool, shape (K,)
            Those with the most first; never everybody.
        """
        over = able & (self.seconds > self.limit(seconds))
        if not over.any():
            return over
        idle = over & self.silent
        first = np.argsort(-self.seconds, kind='stable')
        idle[first[over[first]][:self._most]] = True
        return idle if (able & ~idle).any() else np.zeros_like(idle)

    def charge(self, seconds, silent, took_part):
        """A step is over.

        Parameters
        ----------
        seconds : ndarray of float64, shape (K,)
            What each worker has cost it.
        silent : ndarray of bool, shape (K,)
            Who was given up as silent.
        took_part : ndarray of bool, shape (K,)
        """
        self.seconds += seconds
        self.silent = np.where(took_part, silent, self.silent)

    def export(self):
        """Seconds and who was silent: copies, (K,) each."""
        return self.seconds.copy(), self.silent.copy()

    def restore(self, seconds, silent):
        """What was exported counts again."""
        self.seconds[:], self.silent[:] = seconds, silent
