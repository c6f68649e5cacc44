"""Bucketing: means of a few files each."""

from hashlib import blake2b

import numpy as np

from aspis_mpi.aggregation.preaggregation import PreAggregation
from aspis_mpi.aggregation.rows import Mixed


class Bucketing(PreAggregation):
    """Means of buckets of files, dealt out anew in each step.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `PreAggregation`.
    bucket_size : int
        Files in a bucket, at least 1; the last may have fewer.

    Notes
    -----
    The paper draws a permutation of the files.  Here it follows from the
    bits of some coordinates of all of them: another one in each step, the
    same whenever the step is repeated and whatever the order in which the
    files stand.

    References
    ----------
    Karimireddy, He, Jaggi, "Byzantine-robust learning on heterogeneous
    datasets via bucketing", ICLR 2022, algorithm 1.
    """

    name = 'bucketing'

    def __init__(self, n_files, n_adversaries, worst_case, *,
                 bucket_size: int = 2):
        super().__init__(n_files, n_adversaries, worst_case)
        if not 1 <= bucket_size <= n_files:
            raise ValueError(f'bucket_size {bucket_size} must be between 1 '
                             f'and the number of files, {n_files}')
        self.bucket_size = bucket_size

    def least_rows(self, wrong):
        """Enough for 2f + 1 buckets."""
        return 2 * wrong * self.bucket_size + 1

    def leaves(self, n):
        """As many as there are buckets."""
        return -(-n // self.bucket_size)

    def changed(self, rows):
        """The means of the buckets."""
        order = _dealt(rows.sample())
        matrix = np.zeros((self.leaves(rows.n), rows.n))
        for number, mean in enumerate(matrix):
            start = number * self.bucket_size
            bucket = order[start:start + self.bucket_size]
            mean[bucket] = 1 / len(bucket)
        return Mixed(rows, matrix)


def _dealt(sample):
    """An order of the rows that nobody knows before all have come.

    Parameters
    ----------
    sample : ndarray of float64, shape (n, m)
        Some coordinates of each row.
    """
    own = [blake2b(row.tobytes(), digest_size=16).digest() for row in sample]
    every = b''.join(sorted(own))
    keys = [blake2b(it, key=blake2b(every).digest()).digest() for it in own]
    return sorted(range(len(keys)), key=keys.__getitem__)
