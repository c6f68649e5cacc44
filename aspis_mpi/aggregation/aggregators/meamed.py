"""MeaMed: the coordinate-wise mean around the median."""

from aspis_mpi.aggregation.base import Aggregator, per_sample
from aspis_mpi.aggregation.selection import SPARE, around_median


class MeanAroundMedian(Aggregator):
    """Mean in each coordinate of the n - f entries closest to the median.

    Notes
    -----
    f are the files that may be wrong, less than half of those that came.
    The median of an even number is between the two in the middle; of two
    entries as close to it the smaller counts.  Every file counts alike,
    whatever its number of samples.

    References
    ----------
    Xie, Koyejo, Gupta, "Generalized Byzantine-tolerant SGD", 2018,
    arXiv 1802.10116, section 4.3.
    """

    name = 'meamed'

    def least_rows(self, wrong):
        """2f + 1."""
        return 2 * wrong + 1

    def scratch_rows(self, n):
        """The files' means and what the selection needs."""
        return n + SPARE

    def reduce(self, pieces, samples, scratch, out):
        """The mean around the median of one block."""
        n = len(pieces)
        per_sample(pieces, samples, scratch[:n])
        around_median(scratch[:n], n - self.wrong_of(n), scratch[n:], out)
