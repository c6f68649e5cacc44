"""For whom a step waits, how long it may take, and at whose expense."""

from typing import NamedTuple

import numpy as np

from aspis_mpi.schemes.pace import LATE, Habits, Owed, shares


class Usual(NamedTuple):
    """Usual times of workers, kept from step to step.

    Attributes
    ----------
    files, vectors, sketches, checks : Habits
        For all their files, a vector that was asked for, sketches, a file of
        another worker.
    """

    files: Habits
    vectors: Habits
    sketches: Habits
    checks: Habits

    @classmethod
    def of(cls, n_workers):
        """Nothing is known yet of K workers."""
        return cls(*(Habits(n_workers) for _ in cls._fields))

    def begin(self):
        """A step begins."""
        for habits in self:
            habits.begin()

    def export(self, within=False):
        """All answers, (kinds, K, ANSWERS), None without any.

        See `Habits.export`.
        """
        found = np.array([habits.export(within) for habits in self])
        return None if np.isnan(found).all() else found

    def restore(self, answers):
        """Know what was exported."""
        for habits, some in zip(self, answers):
            habits.restore(some)


class Wait:
    """Debts of the workers in one step, and what they cost.

    Parameters
    ----------
    present : ndarray of bool, shape (K,)
        Who takes part.
    q : int
        Workers that may be liars.
    usual : Usual
    course : Course
    started : float
        Seconds, when the step began.
    thin : bool
        Whether files have fewer holders than designed, since some workers
        have no work: then the others are waited for more often, for which
        they do not pay unless they are late.
    work : ndarray of float64, shape (K,), optional
        Of each worker's files, over the mean, where they are not alike.

    Attributes
    ----------
    files, vectors, sketches, checks : Owed
    charges : ndarray of float64, shape (K,)
        Seconds for which the step waited for each worker beyond the pace,
        or others worked because of it.
    paced : bool
        Whether anybody can be late.
    counted : bool
        Whether it is known whose files the step has waited for.
    hastened : bool
        Whether a pace has become known, so that somebody may be late sooner
        than was thought; who has seen to that clears it.
    """

    def __init__(self, present, q, usual, course, started, thin=False,
                 work=None):
        self._q = q = q if course.presses else 0
        self.paced = q > 0
        n_workers = len(present)
        self.files, self.vectors, self.sketches, self.checks = (
            Owed(n_workers, q, habits) for habits in usual)
        self._work = work
        if self.paced:
            self.files.ask(present, started, work)
        self.charges = np.zeros(n_workers)
        self.counted = self.hastened = False
        self._present = present
        self._course = course
        self._started = started
        self._thin = thin
        self._ended = {}            # seconds when workers were given up
        self._burden = [], np.nan

    def answer(self, owed, worker, now):
        """Take note of an answer of one kind."""
        if owed.answer(worker, now):
            self.hastened = True

    def admit(self, workers, now):
        """Some workers, bool (K,), take part after all."""
        self._present = self._present | workers
        if self.paced:
            self.files.ask(workers, now, self._work)

    def leave(self, workers, resumed, now):
        """Nobody waits any more for workers that are late, silent or lost.

        Parameters
        ----------
        workers : list of int
        resumed : float
            Seconds since when files were waited for.
        now : float
        """
        for worker in workers:
            for owed in (self.files, self.vectors, self.sketches,
                         self.checks):
                owed.give_up(worker, now)
            if not self.counted:
                self._ended[worker] = now
        if self.counted and not np.isnan(resumed):
            self.charges[workers] += (now - resumed) / len(workers)

    # -- how long it may take

    def files_due(self, everything, resumed):
        """From which second on it is late to compute, (K,) or for all.

        Where copies of others may do, a slow worker is of use as it is: it
        has as long as a silent one at least, whatever it reports.
        """
        if everything:
            return self.files.due(self._course.grace)
        if np.isnan(self.files.pace):
            return np.inf
        return resumed + np.maximum(self._course.silence,
                                    LATE * self.files.takes())

    def answers_due(self, owed):
        """From which second on an answer of one kind is late, (K,)."""
        return owed.due(self._course.grace)

    # -- at whose expense

    def burden(self, workers, now):
        """From now on others work because of these workers."""
        self.relieve(now)
        self._burden = workers, now

    def relieve(self, now):
        """Nobody works for others any more."""
        (workers, since), self._burden = self._burden, ([], np.nan)
        if len(workers):
            self.charges[workers] += (now - since) / len(workers)

    @property
    def matters(self):
        """True if anybody's files may have been waited for too long."""
        return self.paced or bool(self._ended)

    def _paced(self, ends, place):
        """The second up to which nobody pays, of all or of each.

        Parameters
        ----------
        ends : ndarray of float64, shape (K,)
            As of `count_files`.
        place : int
            Of who sets the pace, among those present.
        """
        paced = np.sort(ends[self._present])[place]
        if self._thin:
            paced += (LATE - 1) * (paced - self._started)
        if self._work is None:
            return paced
        took = (ends - self._started) / self._work
        pace = np.sort(took[self._present])[place]
        return np.maximum(paced, self._started + self._work * pace)

    def count_files(self, ends):
        """The first files are there: who was waited for, until when.

        Parameters
        ----------
        ends : ndarray of float64, shape (K,)
            Seconds until which a file of each worker was waited for.
        """
        self.counted = True
        gave_up = np.zeros(len(ends), dtype=bool)
        for worker, ended in self._ended.items():
            ends[worker], gave_up[worker] = ended, True
        came = self._present & ~gave_up
        # Where more are gone than can be liars the pace was never set.
        begins = ends[came].max(initial=self._started)
        n = np.count_nonzero(self._present)
        if self._q and n > 2 * self._q:
            paced = self._paced(ends, n - self._q - 1)
            begins = np.where(gave_up, np.minimum(begins, paced), paced)
        else:
            begins = np.where(gave_up, begins, np.inf)
        longer = self._present & (begins < ends)
        self.charges[longer] += shares(begins[longer], ends[longer])
