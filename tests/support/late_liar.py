"""Adversaries that behave for a while."""

import numpy as np

from aspis_mpi.attacks.targets import Files
from aspis_mpi.attacks.who.fixed import Fixed


class Late(Fixed):
    """Some workers, which lie in every step from one on.

    `apart` steps after the first of them the second one begins, and so on.
    """

    def __init__(self, n_workers, count, seed, *, begins: int = 0,
                 apart: int = 0, workers: list[int] | None = None):
        super().__init__(n_workers, count, seed, workers=workers)
        place = np.cumsum(super().members(0)) - 1
        self._begins = begins + apart * place

    def members(self, step):
        """Nobody before the step in which they begin."""
        found = super().members(step)
        return found & (step >= self._begins)


class First(Files):
    """The first file of each adversary, and no other."""

    def chosen(self, step, adversaries):
        """One entry of each column."""
        files = np.arange(len(self.incidence))[:, None]
        return files == self.incidence.argmax(axis=0)
