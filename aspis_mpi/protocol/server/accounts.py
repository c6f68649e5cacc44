"""Accounts of what workers have cost a run; who gets no work for it."""

import numpy as np

#: A worker without work gets some again when its account is below this share
#: of what it may be: then it comes and goes as often as the run's time grows
#: by a quarter, not with every second.
BACK = 0.8


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
    resting : ndarray of bool, shape (K,)
        Who has no work.
    """

    def __init__(self, n_workers, patience=0.01, silence=60.0, most=0):
        self.seconds = np.zeros(n_workers)
        self.silent = np.zeros(n_workers, dtype=bool)
        self.resting = self.silent.copy()
        self._patience = patience
        self._silence = silence
        self._most = most

    @property
    def _usual(self):
        """Cost of each worker if it is as fast as others, (K,)."""
        middle = np.sort(self.seconds)[(len(self.seconds) - 1) // 2]
        return np.where(self.silent, 0.0, middle)

    def _allowed(self, seconds):
        """Cost that each worker may have besides what is usual."""
        return max(2 * self._silence, self._patience * seconds)

    def limit(self, seconds):
        """Cost that each worker may have in a run of so many seconds, (K,)."""
        if not self._patience:
            return np.full(len(self.seconds), np.inf)
        return self._usual + self._allowed(seconds)

    def until(self, worker):
        """Seconds that the run must have lasted until it gets work again.

        Less if others cost more in the meantime.
        """
        over = (self.seconds - self._usual)[worker]
        return over / (BACK * self._patience)

    def turn(self, seconds, able):
        """Find out who gets no work in the next step.

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
        self.resting = self._over(seconds, able)
        return self.resting

    def _over(self, seconds, able):
        allowed = self._allowed(seconds)
        nobody = np.zeros_like(self.silent)
        if not self._patience or self.seconds.max() <= BACK * allowed:
            return nobody
        over = able & (self.seconds - self._usual > np.where(
            self.resting, BACK * allowed, allowed))
        idle = over & self.silent
        first = np.argsort(-self.seconds, kind='stable')
        idle[first[over[first]][:self._most]] = True
        return idle if (able & ~idle).any() else nobody

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
        """Seconds, who was silent, who has no work: copies, (K,) each."""
        return self.seconds.copy(), self.silent.copy(), self.resting.copy()

    def restore(self, seconds, silent, resting):
        """Let what was exported count again."""
        self.seconds, self.silent, self.resting = (
            seconds.copy(), silent.copy(), resting.copy())
