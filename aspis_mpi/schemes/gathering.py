"""The bases of collections: of a run, and of the step that goes on."""

from collections.abc import Sequence

import numpy as np

from aspis_mpi.arrays import Bools, Ints, counts
from aspis_mpi.assignment.base import Assignment
from aspis_mpi.coding.code import Code
from aspis_mpi.schemes.speeds import Speeds


class Collection:
    """A rule for the end of the wait for files.

    Parameters
    ----------
    assignment : Assignment
    copies : int
        How many workers have to finish a file.
    code : Code or None
        What decodes, where the transfer has one.
    """

    #: Whether files that nobody can finish any more are simply missing,
    #: because the collection is approximate by nature.
    tolerates_missing = False
    #: Whether it asks how fast the workers have been.
    follows_speeds = False
    #: Whether workers may leave out files that have enough copies.
    allows_skipping = False
    #: Whether only workers that finished all their files are asked to send.
    asks_whole_workers = False
    #: Whether it waits for all that the workers have.
    waits_for_all = False
    #: Whether files that only a late worker has are not waited for either,
    #: since others can compute them in the same step.
    spares_late = False
    #: Whether it counts copies, so that more of a file can be waited for.
    counts_copies = True

    def __init__(self, assignment: Assignment, copies: int, code: Code | None):
        self._assignment = assignment
        self._copies = copies
        self._code = code

    def begin(self, living: Bools, lenient: bool, speeds: Speeds,
              needed: Ints | None = None) -> 'Gathering':
        """Begin to count for a new step.

        Parameters
        ----------
        living : ndarray of bool, shape (K,)
            Workers that take part.
        lenient : bool
            Whether files that no living worker can finish are missing; else
            the step is hopeless.
        speeds : Speeds
            What earlier steps measured.
        needed : ndarray of int, shape (f,), optional
            Copies of each file that can be believed, if `copies` cannot.

        Returns
        -------
        Gathering
        """
        raise NotImplementedError


class Gathering:
    """The files finished in one step, against what the step waits for.

    Parameters
    ----------
    assignment : Assignment
    copies : int
    living : ndarray of bool, shape (K,)
    lenient : bool
    seconds : float
        After so many since `Model` was sent the step ends as it is.

    Attributes
    ----------
    finished : ndarray of bool, shape (f, K)
        Of the workers that are believed to be alive.
    living : ndarray of bool, shape (K,)
    late : ndarray of bool, shape (K,)
        Living workers that nobody waits for, but for files that cannot be
        had without them; what they finish is known all the same.
    counting : ndarray of bool, shape (f, K)
        Whose copies of which file are waited for.
    """

    #: Whether it waits for all that the workers have.
    waits_for_all = False
    #: Whether files that only a late worker has are not waited for either,
    #: since others can compute them in the same step.
    spares_late = False

    def __init__(self, assignment: Assignment, copies: int, living: Bools,
                 lenient: bool, seconds: float = np.inf):
        self.finished = np.zeros(assignment.incidence.shape, dtype=bool)
        self.living = living.copy()
        self.late = np.zeros_like(living)
        self.seconds = seconds
        self.expired = False
        self._incidence = assignment.incidence
        self._loads = assignment.loads
        self._copies = copies
        self._lenient = lenient
        self._review()

    def _review(self) -> None:
        """Count anew, after somebody was lost."""
        self.counting = self._prompt(self._incidence & self.living)
        # By file, all that can come.
        self._all = counts(self.counting)
        self._recount()
        self._doom = '' if self._lenient else self._hopeless()

    def finish(self, worker: int, files: Sequence[int]) -> list[int]:
        """Take note that a worker has finished some more files.

        Returns
        -------
        list of int
            The files that have enough copies from now on.
        """
        for file in files:
            self.finished[file, worker] = True
        return []

    def lose(self, worker: int) -> Ints:
        """Forget a worker: its files do not count, no more will come.

        Returns
        -------
        ndarray of int
            The files that had enough copies and lack some now.
        """
        self.living[worker] = False
        self.finished[:, worker] = False
        self._review()
        return np.empty(0, dtype=int)

    def excuse(self, worker: int) -> Ints:
        """Do not wait for a late worker where there are others.

        Returns
        -------
        ndarray of int
            As of `lose`.
        """
        self.late[worker] = True
        self._review()
        return np.empty(0, dtype=int)

    def admit(self, workers: Sequence[int]) -> None:
        """Let some workers take part after all."""
        self.living[workers] = True
        self.late[workers] = False
        self._review()

    def expire(self) -> None:
        """End the step with what is finished: its time is over."""
        self.expired = True

    @property
    def needed(self) -> Ints:
        """Copies of each file that are waited for, int (f,)."""
        return self._all

    def require(self, needed: Ints) -> None:
        """Wait for so many copies from now on, int (f,), if there are."""

    def lacking(self) -> Ints:
        """Files that have not got the copies that are waited for, (n,)."""
        return np.empty(0, dtype=int)

    @property
    def satisfied(self) -> bool:
        """True where the step has all that it waits for."""
        return self.expired or self._complete()

    @property
    def hopeless(self) -> str:
        """The reason why the step can never be satisfied; empty if it can."""
        return '' if self.expired else self._doom

    def state(self) -> Bools:
        """The global state vector: whose files count, bool (f, K).

        Late workers are not to be asked for what others have.
        """
        return self._prompt(self.finished.copy())

    def _prompt(self, held: Bools) -> Bools:
        """The same without late workers, but of files that need them."""
        if not self.late.any():
            return held
        prompt = held & ~self.late
        if self.spares_late:
            return prompt
        # After a deadline files may be missing.
        few = (counts(prompt) < self._copies) & np.isinf(self.seconds)
        return np.where(few[:, None], held, prompt)

    def _recount(self) -> None:
        """Make the counters of a subclass from what is finished."""

    def _complete(self) -> bool:
        raise NotImplementedError

    def _hopeless(self) -> str:
        holders = counts(self._incidence & self.living)
        file = int(holders.argmin())
        if holders[file] >= self._copies:
            return ''
        names = np.flatnonzero(self._incidence[file]).tolist()
        return (f'file {file} can have {holders[file]} of the '
                f'{self._copies} copies that it needs: of its workers '
                f'{names} only {holders[file]} answer')
