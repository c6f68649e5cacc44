"""The coordinate-wise median of the means of buckets of files."""

import numpy as np

from aspis_mpi.aggregation.base import Aggregator, add_up
from aspis_mpi.aggregation.selection import trimmed_mean


class MedianOfMeans(Aggregator):
    """Median in each coordinate of the means of buckets of files.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.
    buckets : int
        At least 2q+1, at most the number of files.  0: 2W+1 with W the
        worst case of wrong files, brought inside these bounds.  When fewer
        files arrive than there are buckets, each is a bucket of its own.

    Notes
    -----
    Buckets are runs of consecutive rows whose lengths differ by at most
    one; the mean of a bucket is the sum of its rows over the sum of their
    samples.  Fewer wrong rows than half of the buckets leave a majority of
    right buckets.

    References
    ----------
    Konstantinidis, Ramamoorthy, arXiv 2108.02416, section 5; Minsker,
    "Geometric median and robust estimation in Banach spaces", 2015.
    """

    name = 'median-of-means'

    def __init__(self, n_files, n_adversaries, worst_case, *,
                 buckets: int = 0):
        super().__init__(n_files, n_adversaries, worst_case)
        least = 2 * n_adversaries + 1
        if buckets and not least <= buckets <= n_files:
            raise ValueError(
                f'buckets {buckets} must be between 2q+1 = {least} and the '
                f'number of files, {n_files}')
        self.buckets = buckets or min(max(2 * worst_case + 1, least), n_files)

    def scratch_rows(self, n):
        """The buckets' means and a spare vector."""
        return min(self.buckets, n) + 1

    def reduce(self, pieces, samples, scratch, out):
        """The median of the buckets' means in one block."""
        m = len(scratch) - 1
        edges = np.arange(m + 1) * len(pieces) // m
        for mean, first, last in zip(scratch, edges, edges[1:]):
            add_up(pieces[first:last], mean)
            np.divide(mean, np.float32(samples[first:last].sum()), out=mean)
        trimmed_mean(scratch[:m], (m - 1) // 2, scratch[m], out)
