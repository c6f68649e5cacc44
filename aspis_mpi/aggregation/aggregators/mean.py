"""The mean over all samples: exact, and at the mercy of a single row."""

from aspis_mpi.aggregation.base import Aggregator


class Mean(Aggregator):
    """Sum of the rows over the number of their samples; not robust.

    Notes
    -----
    Rows are added in float32 in their order, so sums of integers below
    2^24 are exact.
    """

    name = 'mean'
    shows_non_finite = True
    is_plain_mean = True

    def combine(self, rows, out):
        """See `Aggregator.combine`."""
        rows.mean(out)
