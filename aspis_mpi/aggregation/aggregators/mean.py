"""The mean over all samples: exact, and at the mercy of a single row."""

import numpy as np

from aspis_mpi.aggregation.base import Aggregator, add_up


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

    def scratch_rows(self, n):
        """None: rows are added where the result goes."""
        return 0

    def reduce(self, pieces, samples, scratch, out):
        """The mean of one block."""
        add_up(pieces, out)
        np.divide(out, np.float32(samples.sum()), out=out)
