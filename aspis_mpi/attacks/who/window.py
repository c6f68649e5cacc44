"""Adversaries that stay for some steps and then change."""

from aspis_mpi.attacks.choice import Who


class Window(Who):
    """Adversaries drawn anew every `window` steps.

    Parameters
    ----------
    n_workers, count, seed
        See `Who`.
    window : int
        Steps for which the same workers are adversaries, counted from
        step 0.

    References
    ----------
    Konstantinidis, Vaswani, Ramamoorthy, arXiv 2208.08085 (Aspis+).
    """

    name = 'window'
    changes = True

    def __init__(self, n_workers, count, seed, *, window: int = 50):
        super().__init__(n_workers, count, seed)
        if window < 1:
            raise ValueError(f'window {window} must be at least 1')
        self.window = window

    def members(self, step):
        """The adversaries of the window that `step` is in, bool (K,)."""
        return self.drawn(step // self.window)
