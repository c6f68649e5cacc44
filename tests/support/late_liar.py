"""Adversaries that behave for a while, or on most of their files."""

import numpy as np

from aspis_mpi import streams
from aspis_mpi.attacks.targets import Files
from aspis_mpi.attacks.who.fixed import Fixed


class Late(Fixed):
    """Some workers, which lie in every step from one on.

    Or with probability `rate` in each, all of them at once.  `apart` steps
    after the first of them the second one begins, and so on.
    """

    def __init__(self, n_workers, count, seed, *, begins: int = 0,
                 apart: int = 0, rate: float = 1.0,
                 workers: list[int] | None = None):
        super().__init__(n_workers, count, seed, workers=workers)
        place = np.cumsum(super().members(0)) - 1
        self._begins = begins + apart * place
        self._rate = rate
        self._drawn_by = seed

    def members(self, step):
        """Nobody before the step in which they begin."""
        found = super().members(step)
        drawn = self._rate >= 1 or streams.generator(
            self._drawn_by, 'late', step).random() < self._rate
        return found & (step >= self._begins) & drawn


class Early(Fixed):
    """Some workers, which lie in every step before one."""

    def __init__(self, n_workers, count, seed, *, until: int,
                 workers: list[int] | None = None):
        super().__init__(n_workers, count, seed, workers=workers)
        self._until = until

    def members(self, step):
        """Nobody from the step on in which they end."""
        return super().members(step) & (step < self._until)


class OneFile(Files):
    """One file of each adversary, always the first or drawn in each step."""

    def __init__(self, assignment, seed, *, drawn: bool = False):
        super().__init__(assignment, seed)
        self.by_step = self._drawn = drawn

    def chosen(self, step, adversaries):
        """One entry of each column, (f, K)."""
        rng = streams.generator(self.seed, 'one file', step)
        chosen = np.zeros(self.incidence.shape, dtype=bool)
        for worker, held in enumerate(self.incidence.T):
            files = np.flatnonzero(held)
            place = int(rng.integers(files.size)) if self._drawn else 0
            chosen[files[place], worker] = True
        return chosen
