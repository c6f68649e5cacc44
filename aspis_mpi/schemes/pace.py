"""Answers that workers owe: how fast they come, and who is waited for.

Of n workers that owe an answer of one kind, q may be liars that dawdle: the
(n - q)-th answer sets the *pace*.  With more than 2 q of them at least one of
those that did not take longer is honest, and so is one that took as long or
longer: q liars can neither hurry the pace beyond the fastest honest worker
nor slow it down beyond the slowest.  *Late* is who takes three times as long.

Where some have more to do than others, times are compared by the *work* of
each: who has twice as much takes twice as long at the same pace.

What a step waits beyond the pace is charged to those that it waits for, in
equal shares at each moment, so that all shares together are the time that
was lost: whoever dawdles pays, alone or together with others.
"""

import math
from collections import deque

import numpy as np

#: Late is who takes so many times as long as the pace.
LATE = 3
#: Answers of a worker whose median is what it usually takes.
ANSWERS = 20


class Habits:
    """Usual times of each worker for answers of one kind.

    Parameters
    ----------
    n_workers : int
    """

    def __init__(self, n_workers):
        self._took = [deque(maxlen=ANSWERS) for _ in range(n_workers)]
        # Workers that have answered in this step, and what that has pushed
        # out.
        self._added = []

    def begin(self):
        """A step begins."""
        self._added.clear()

    def add(self, worker, seconds):
        """Take note of one more answer."""
        took = self._took[worker]
        self._added.append((worker,
                            took[0] if len(took) == ANSWERS else None))
        took.append(seconds)

    def export(self, within=False):
        """Answers of each worker, the oldest first.

        Parameters
        ----------
        within : bool
            As they were when the step began.

        Returns
        -------
        ndarray of float64, shape (K, ANSWERS)
            Padded with NaN.
        """
        found = [list(took) for took in self._took]
        for worker, oldest in reversed(self._added) if within else ():
            found[worker].pop()
            if oldest is not None:
                found[worker].insert(0, oldest)
        return np.array([some + [np.nan] * (ANSWERS - len(some))
                         for some in found])

    def restore(self, answers):
        """Know what was exported."""
        for took, row in zip(self._took, answers):
            took.clear()
            took.extend(row[~np.isnan(row)].tolist())

    def pace(self, q):
        """The (K - q)-th of the workers' usual times; NaN if not known.

        For an answer that too few are asked for: it is theirs, whoever
        they are.
        """
        usual = sorted(float(np.median(took)) for took in self._took if took)
        place = len(self._took) - q
        return usual[place - 1] if 0 < place <= len(usual) else np.nan


class Owed:
    """The answers of one kind in one step.

    Parameters
    ----------
    n_workers : int
    q : int
        Workers that may be liars.
    habits : Habits
        Of this kind, from earlier steps on.
    """

    def __init__(self, n_workers, q, habits):
        self._q = q
        self._habits = habits
        self._n_workers = n_workers
        # When each worker was asked, and who has not answered yet.
        self._asked = self._pending = None
        # How many have been asked, whatever became of them.
        self._owing = 0
        # Seconds of the answers, one a worker, until they set the pace.
        self._took = {}
        # Of this round: worker, asked and ended when, whether it answered.
        self._waits = []
        # What each worker has to do, where they are not alike.
        self._work = None
        #: Seconds of the answer that sets the pace, for work 1; NaN if not
        #: known.
        self.pace = np.nan

    def ask(self, workers, now, work=None):
        """Let some workers owe an answer from now on.

        Parameters
        ----------
        workers : ndarray of bool, shape (K,)
        now : float
        work : ndarray of float64, shape (K,), optional
            Of each for that answer, where they are not alike.
        """
        self._work = work
        if self._asked is None:
            self._asked = np.full(self._n_workers, np.nan)
            self._pending = np.zeros(self._n_workers, dtype=bool)
        self._asked[workers] = now
        self._owing = int(np.count_nonzero(~np.isnan(self._asked)))
        self._pending |= workers
        if self._q and np.isnan(self.pace) and (
                0 < self._owing <= 2 * self._q):
            self.pace = self._habits.pace(self._q)

    def answer(self, worker, now):
        """Take note of an answer; whether it has set the pace."""
        if self._pending is None or not self._pending[worker]:
            return False
        self._pending[worker] = False
        asked = float(self._asked[worker])
        self._waits.append((worker, asked, now, True))
        if not self._q:
            return False
        took = now - asked
        if self._work is not None:
            took /= self._work[worker]
        self._habits.add(worker, took)
        if not math.isnan(self.pace):
            return False
        self._took[worker] = took
        n = self._owing
        if n <= 2 * self._q or len(self._took) < n - self._q:
            return False
        self.pace = sorted(self._took.values())[n - self._q - 1]
        return True

    def takes(self, workers=slice(None)):
        """Seconds of some workers at the pace, or of all alike.

        Who has less to do may take as long as others: not all of an answer's
        time is work.
        """
        if self._work is None:
            return self.pace
        return self.pace * np.maximum(1.0, self._work[workers])

    def give_up(self, worker, now):
        """Wait for this worker no longer."""
        if self._pending is not None and self._pending[worker]:
            self._pending[worker] = False
            self._waits.append((worker, self._asked[worker], now, False))

    def due(self, grace):
        """From which second on each worker is late, (K,); infinite if never.

        Parameters
        ----------
        grace : float
            Seconds that everybody has.
        """
        if np.isnan(self.pace):
            return np.full(self._n_workers, np.inf)
        longest = np.maximum(grace, LATE * self.takes())
        return np.where(self._pending, self._asked + longest, np.inf)

    def charge(self, charges):
        """End the round: add what each worker made it last longer.

        Parameters
        ----------
        charges : ndarray of float64, shape (K,)
            Seconds; changed.
        """
        waits, self._waits = self._waits, []
        if not waits:
            return
        workers, asked, ended, came = map(np.array, zip(*waits))
        begins = asked + self.takes(workers)
        if np.isnan(self.pace):
            # Too few have answered: beyond the last one that did, of those
            # that were asked before this one was given up.
            with_it = came & (asked < ended[:, None])
            last = np.where(with_it, ended, -np.inf).max(axis=1)
            begins = np.where(came, np.inf, np.maximum(asked, last))
        longer = begins < ended
        np.add.at(charges, workers[longer],
                  shares(begins[longer], ended[longer]))


def shares(begins, ends):
    """The time that some were waited for, divided among them.

    Each moment counts once, in equal shares to those who were waited for
    then.  Where all waits begin together this is the Shapley value of the
    airport game (Littlechild and Owen, "A simple expression for the Shapley
    value in a special case", Management Science 20, 1973).

    Parameters
    ----------
    begins, ends : ndarray of float64, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> shares(np.array([0.0, 0.0]), np.array([1.0, 3.0])).tolist()
    [0.5, 2.5]
    """
    points = np.unique(np.concatenate([begins, ends]))
    middles, lengths = (points[1:] + points[:-1]) / 2, np.diff(points)
    waited = (begins[:, None] < middles) & (middles < ends[:, None])
    return (waited * lengths / np.maximum(waited.sum(axis=0), 1)).sum(axis=1)
