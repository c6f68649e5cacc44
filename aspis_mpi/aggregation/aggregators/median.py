"""The coordinate-wise median of the files' means."""

from aspis_mpi.aggregation.base import Aggregator, per_sample
from aspis_mpi.aggregation.selection import trimmed_mean


class Median(Aggregator):
    """Median of the files' means in each coordinate.

    Notes
    -----
    Biased with few samples a file: the median of skewed means is not their
    expectation, and where most samples do not touch a coordinate (a ReLU
    that is off) it is zero.  Of an even number the two in the middle are
    averaged.  Every file counts alike, whatever its number of samples.

    References
    ----------
    Yin, Chen, Ramchandran, Bartlett, "Byzantine-robust distributed
    learning: towards optimal statistical rates", ICML 2018, definition 1.
    """

    name = 'median'

    def scratch_rows(self, n):
        """The files' means and a spare vector."""
        return n + 1

    def reduce(self, pieces, samples, scratch, out):
        """The median of one block."""
        n = len(pieces)
        per_sample(pieces, samples, scratch[:n])
        trimmed_mean(scratch[:n], (n - 1) // 2, scratch[n], out)
