"""Workers that fall silent, from a step and from a file on."""

from typing import Literal

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import Bools, Ints
from aspis_mpi.checks import check_workers

#: `silent_after`: computes and reports, but sends nothing when asked to.
ENCODE = 'encode'


class Silence:
    """The silent workers of each step, known to the workers alone.

    Parameters
    ----------
    n_workers : int
        K.
    seed : int
        The seed of the job.
    silent : int or list of int
        How many workers, drawn anew in each step, or which ones.
    silent_from : int
        The first step with silent workers.
    silent_after : int or 'encode'
        Files after which a silent worker falls silent in a step.  With
        'encode' it computes all its files and reports them, but never sends
        what the signal to encode asks for.
    """

    def __init__(self, n_workers: int, seed: int, silent: int | list[int] = 0,
                 silent_from: int = 0,
                 silent_after: int | Literal['encode'] = 0):
        _check_silent(silent, n_workers)
        if silent_from < 0:
            raise ValueError(f'silent_from {silent_from} must be at least 0')
        if silent_after != ENCODE and (isinstance(silent_after, str)
                                       or silent_after < 0):
            raise ValueError(f"silent_after {silent_after} must be "
                             f"'{ENCODE}' or at least 0")
        self.n_workers = n_workers
        self.seed = seed
        self.silent = silent
        self.silent_from = silent_from
        self.silent_after = silent_after
        self._step: int | None = None
        self._members: Bools

    def members(self, step: int) -> Bools:
        """The silent workers of `step`, bool (K,), read-only."""
        if step != self._step:
            self._members = np.zeros(self.n_workers, dtype=bool)
            if self.silent and step >= self.silent_from:
                self._members[self._drawn(step)] = True
            self._members.flags.writeable = False
            self._step = step
        return self._members

    def files(self, step: int, worker: int) -> int | None:
        """Files after which a worker falls silent in `step`.

        Returns
        -------
        int or None
            None where it computes all its files and reports them.
        """
        if (not self.silent or isinstance(self.silent_after, str)
                or not self.members(step)[worker]):
            return None
        return self.silent_after

    def mute(self, step: int, worker: int) -> bool:
        """Tell whether a worker reports in `step` but sends no payload."""
        return (bool(self.silent) and self.silent_after == ENCODE
                and bool(self.members(step)[worker]))

    def _drawn(self, step: int) -> list[int] | Ints:
        if isinstance(self.silent, list):
            return self.silent
        rng = streams.generator(self.seed, 'silence', step)
        return rng.permutation(self.n_workers)[:self.silent]


def _check_silent(silent: int | list[int], n_workers: int) -> None:
    if isinstance(silent, list):
        check_workers('silent', silent, n_workers)
        return
    if not 0 <= silent <= n_workers:
        raise ValueError(f'silent {silent} must be between 0 and the number '
                         f'of workers, {n_workers}')
