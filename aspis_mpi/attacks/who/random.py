"""Adversaries drawn anew in each step."""

from aspis_mpi.attacks.choice import Who


class Random(Who):
    """Adversaries drawn anew in each step.

    Parameters
    ----------
    n_workers, count, seed
        See `Who`.
    """

    name = 'random'
    changes = True

    def members(self, step):
        """The adversaries of `step`, bool (K,)."""
        return self.drawn(step)
