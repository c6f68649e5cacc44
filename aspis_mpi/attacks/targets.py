"""The base of every choice of files: entries of the incidence matrix."""

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import Bools
from aspis_mpi.assignment.base import Assignment


class Files:
    """The files on which each adversary lies.

    Parameters
    ----------
    assignment : Assignment
        f files on K workers.
    seed : int
        The seed of the job.

    Attributes
    ----------
    by_step : bool
        Whether `lies` depends on the step besides the set of adversaries.
    incidence : ndarray of bool, shape (f, K)
        Of the step that is asked for.
    """

    by_step = False
    #: Whether it rests on who else holds a file, which has to be known before
    #: the step.
    needs_holders = True

    def __init__(self, assignment: Assignment, seed: int):
        self.incidence = assignment.incidence
        self.seed = seed
        self._assignment = assignment

    @property
    def changes(self) -> bool:
        """True if the lies of equal adversaries differ from step to step."""
        return self.by_step or self._assignment.renames

    def lies(self, step: int, adversaries: Bools) -> Bools:
        """The lies of `step`: of adversaries alone, on files that they hold.

        Parameters
        ----------
        step : int
        adversaries : ndarray of bool, shape (K,)

        Returns
        -------
        ndarray of bool, shape (f, K)
            Entry (i, j) is set when worker j, an adversary that holds file
            i, lies on it.
        """
        self.incidence = self._assignment.at(step).incidence
        chosen = self.chosen(step, adversaries)
        return self.incidence & adversaries & chosen

    def chosen(self, step: int, adversaries: Bools) -> Bools:
        """The lies that the attack asks for, bool, broadcast to (f, K).

        `lies` takes care that only adversaries lie, and only on their own
        files.
        """
        raise NotImplementedError

    def honest_holders(self, adversaries: Bools) -> Bools:
        """The honest holders of each file, bool (f, K)."""
        return self.incidence & ~adversaries

    def honest_inside(self, adversaries: Bools, allowed: Bools) -> Bools:
        """Files whose honest holders all lie inside a set, bool (f, 1).

        A file without an honest holder is one of them.

        Parameters
        ----------
        adversaries, allowed : ndarray of bool, shape (K,)
        """
        outside = self.honest_holders(adversaries) & ~allowed
        return np.logical_not(outside.any(axis=1, keepdims=True))

    def drawn(self, purpose: str, among: Bools, count: int,
              adversaries: Bools) -> Bools:
        """At most `count` workers out of `among`, bool (K,).

        They are the same in all steps with the same set of adversaries.
        """
        rng = streams.generator(self.seed, 'attack', purpose,
                                *np.flatnonzero(adversaries).tolist())
        order = rng.permutation(np.flatnonzero(among))
        marked = np.zeros(among.size, dtype=bool)
        marked[order[:max(count, 0)]] = True
        return marked
