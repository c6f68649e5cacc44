"""Adversaries that behave for a while."""

from aspis_mpi.attacks.who.fixed import Fixed


class Late(Fixed):
    """Some workers, which lie in every step from one on."""

    def __init__(self, n_workers, count, seed, *, begins: int = 0,
                 workers: list[int] | None = None):
        super().__init__(n_workers, count, seed, workers=workers)
        self._begins = begins

    def members(self, step):
        """Nobody before the step in which they begin."""
        found = super().members(step)
        return found & (step >= self._begins)
