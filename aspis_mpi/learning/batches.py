"""The training samples of each file of each step."""

from collections.abc import Callable

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import Floats, Ints, sealed
from aspis_mpi.learning.sizes import equal

#: Samples of the permutations that are drawn at once, 1 MB of them.
MOST_ENTRIES = 1 << 17


class Batches:
    """The files of every step, drawn without epochs.

    Step t permutes all training samples as (seed, t) says; the first
    `batch_size` of them are the batch, and file i is the i-th of
    `n_files` slices of it: nearly equal ones, the larger ones first, unless
    `counts` says how large.  Every rank draws the same.

    Parameters
    ----------
    seed : int
        The seed of the job.
    n_samples : int
        Number of training samples.
    batch_size : int
        Samples a step, from `n_files` to `n_samples`.
    n_files : int
        f.
    counts : ndarray of int, shape (n_files,), or callable
        Samples of each file, at least 1, whose sum is `batch_size`; or what
        makes them of `batch_size` and `n_files`.
    usual : float, optional
        Samples of the file that a delay is the time of; without it every
        file takes as long as any other.

    Attributes
    ----------
    counts : ndarray of int, shape (n_files,)
        Number of samples of each file, the same in every step.
    costs : ndarray of float64, shape (n_files,), or None
        Time of each file over that of the usual one.

    Raises
    ------
    ValueError
        When a file would have no sample, or a batch a sample twice.
    """

    def __init__(self, seed: int, n_samples: int, batch_size: int,
                 n_files: int,
                 counts: Ints | Callable[[int, int], Ints] = equal,
                 usual: float | None = None):
        if not 1 <= n_files <= n_samples:
            raise ValueError(f'{n_files} files must be at least 1 and at '
                             f'most the training samples, {n_samples}')
        if batch_size < n_files:
            raise ValueError(f'batch_size {batch_size} must be at least the '
                             f'number of files, {n_files}')
        if batch_size > n_samples:
            raise ValueError(f'batch_size {batch_size} must be at most the '
                             f'number of training samples, {n_samples}')
        self.seed = seed
        self.n_samples = n_samples
        self.batch_size = batch_size
        self.n_files = n_files
        # Only now: numbers have 64 bits there.
        self.counts = (counts(batch_size, n_files) if callable(counts)
                       else counts)
        self.costs: Floats | None = (None if usual is None
                                     else self.counts / usual)
        self._ends = np.cumsum(self.counts).tolist()
        # A generator serves several steps, one after the other: making one
        # costs more than a small permutation.
        self._rows = max(1, min(16, MOST_ENTRIES // n_samples))
        self._block: int | None = None
        self._batches: list[Ints]
        # Of the two steps that were asked for last.
        self._latest: tuple[int, Ints] | None = None
        self._before: tuple[int, Ints] | None = None

    @property
    def work(self) -> Ints | None:
        """Samples of each file, where some take longer than others."""
        return None if self.costs is None else self.counts

    def kinds(self, micro_batch: int) -> Ints:
        """A number for each file: who has the same has micro-batches alike.

        Files of one kind are computed by the same kernels.  Of uneven files
        it does not matter how many whole micro-batches they have.
        """
        if self.costs is None:
            return self.counts
        whole, rest = np.divmod(self.counts, micro_batch)
        return np.asarray(micro_batch * (whole > 0) + rest)

    def batch(self, step: int) -> Ints:
        """The samples of a step, file after file, (batch_size,), read-only."""
        for known in self._latest, self._before:
            if known is not None and known[0] == step:
                return known[1]
        self._before, self._latest = self._latest, (step, self._draw(step))
        return self._latest[1]

    def _draw(self, step: int) -> Ints:
        block, row = divmod(int(step), self._rows)
        if block != self._block:
            self._block, self._batches = block, self._drawn(block)
        return self._batches[row]

    def _drawn(self, block: int) -> list[Ints]:
        """The batches of several steps, one after the other.

        At once: one of them alone would find the caches full of all that a
        step does besides, and take three times as long.
        """
        generator = streams.generator(self.seed, 'samples', block)
        batches: list[Ints] = []
        for _ in range(self._rows):
            batch = generator.permutation(self.n_samples)[:self.batch_size]
            batches.append(sealed(batch.copy()))
        return batches

    def samples(self, step: int, file: int) -> Ints:
        """The samples of one file, ndarray of int, shape (counts[file],)."""
        end = self._ends[file]
        return self.batch(step)[end - self.counts[file]:end]
