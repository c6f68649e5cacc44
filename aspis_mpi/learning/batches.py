"""The training samples of each file of each step."""

import numpy as np

from aspis_mpi import streams
from aspis_mpi.arrays import Ints

#: Samples of the permutations that are drawn at once, 1 MB of them.
MOST_ENTRIES = 1 << 17


def default_batch_size(n_files: int, n_samples: int) -> int:
    """Two samples a file where there are as many, else one.

    >>> default_batch_size(455, 1437), default_batch_size(455, 600)
    (910, 455)
    """
    return 2 * n_files if 2 * n_files <= n_samples else n_files


class Batches:
    """The files of every step, drawn without epochs.

    Step t permutes all training samples as (seed, t) says; the first
    `batch_size` of them are the batch, and file i is the i-th of
    `n_files` nearly equal slices of it, the larger ones first.  Every rank
    draws the same.

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

    Attributes
    ----------
    counts : ndarray of int, shape (n_files,)
        Number of samples of each file, the same in every step.

    Raises
    ------
    ValueError
        When a file would have no sample, or a batch a sample twice.
    """

    def __init__(self, seed: int, n_samples: int, batch_size: int,
                 n_files: int):
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
        least, larger = divmod(batch_size, n_files)
        self.counts = least + (np.arange(n_files) < larger)
        self._ends = np.cumsum(self.counts).tolist()
        # A generator serves several steps, one after the other: making one
        # costs more than a small permutation.
        self._rows = max(1, min(16, MOST_ENTRIES // n_samples))
        self._block: int | None = None
        self._drawn: np.random.Generator
        self._batches: list[Ints]

    def batch(self, step: int) -> Ints:
        """The samples of a step, file after file, (batch_size,), read-only."""
        block, row = divmod(int(step), self._rows)
        if block != self._block:
            self._block, self._batches = block, []
            self._drawn = streams.generator(self.seed, 'samples', block)
        while len(self._batches) <= row:
            drawn = self._drawn.permutation(self.n_samples)
            batch = drawn[:self.batch_size].copy()
            batch.setflags(write=False)
            self._batches.append(batch)
        return self._batches[row]

    def samples(self, step: int, file: int) -> Ints:
        """The samples of one file, ndarray of int, shape (counts[file],)."""
        end = self._ends[file]
        return self.batch(step)[end - self.counts[file]:end]
