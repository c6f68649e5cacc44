"""The majority vote of signs."""

import numpy as np

from aspis_mpi.aggregation.base import Aggregator


class SignMajority(Aggregator):
    """Sign in each coordinate that most files have: -1, 0 or 1.

    Notes
    -----
    Zeros do not vote, and as many of each sign make 0.  The length of a step
    is that of the learning rate alone, so that it has to be much smaller
    than with other rules.  Every file has one vote, whatever its number of
    samples.

    References
    ----------
    Bernstein, Zhao, Azizzadenesheli, Anandkumar, "signSGD with majority
    vote is communication efficient and fault tolerant", ICLR 2019,
    algorithm 1.
    """

    name = 'sign-majority'

    def least_rows(self, wrong):
        """2f + 1."""
        return 2 * wrong + 1

    def scratch_rows(self, n):
        """The signs of one file."""
        return 1

    def reduce(self, pieces, samples, scratch, out):
        """The vote on one block."""
        out.fill(0)
        for piece in pieces:
            out += np.sign(piece, out=scratch[0])
        np.sign(out, out=out)
