"""The same adversaries in all steps."""

import numpy as np

from aspis_mpi.attacks.choice import Who
from aspis_mpi.checks import check_workers


class Fixed(Who):
    """The same adversaries in all steps, listed or drawn once.

    Parameters
    ----------
    n_workers, count, seed
        See `Who`.
    workers : list of int, optional
        The adversaries, distinct, as many as `count`; drawn if not given.
    """

    name = 'fixed'

    def __init__(self, n_workers, count, seed, *,
                 workers: list[int] | None = None):
        super().__init__(n_workers, count, seed)
        if workers is None:
            self._members = self.drawn()
            return
        _check(workers, n_workers, count)
        self._members = self.marked(np.array(workers, dtype=int))

    def members(self, step):
        """The adversaries, bool (K,), whatever the step."""
        return self._members.copy()


def _check(workers, n_workers, count):
    check_workers('workers', workers, n_workers)
    if len(workers) != count:
        raise ValueError(f'workers {workers} must be as many as count, '
                         f'{count}')
