"""The coordinate-wise trimmed mean of the files' means."""

from aspis_mpi.aggregation.base import Aggregator, per_sample
from aspis_mpi.aggregation.selection import trimmed_mean


class TrimmedMean(Aggregator):
    """Mean in each coordinate without the smallest and largest entries.

    Parameters
    ----------
    n_files, n_adversaries, worst_case : int
        See `Aggregator`.
    trim : int
        Entries dropped at each end.  -1: the worst case of wrong files, as
        far as it leaves something.  When fewer files arrive it is at most
        (n-1)//2, which is the median.

    Notes
    -----
    Every file counts alike, whatever its number of samples.

    References
    ----------
    Yin, Chen, Ramchandran, Bartlett, "Byzantine-robust distributed
    learning: towards optimal statistical rates", ICML 2018, definition 2.
    """

    name = 'trimmed-mean'

    def __init__(self, n_files, n_adversaries, worst_case, *, trim: int = -1):
        super().__init__(n_files, n_adversaries, worst_case)
        most = (n_files - 1) // 2
        if not -1 <= trim <= most:
            raise ValueError(f'trim {trim} must be between 0 and {most}, less '
                             f'than half of the {n_files} files, or -1')
        self.trim = min(max(worst_case, 0), most) if trim < 0 else trim

    def scratch_rows(self, n):
        """The files' means and a spare vector."""
        return n + 1

    def reduce(self, pieces, samples, scratch, out):
        """The trimmed mean of one block."""
        n = len(pieces)
        per_sample(pieces, samples, scratch[:n])
        trim = min(self.trim, (n - 1) // 2)
        trimmed_mean(scratch[:n], trim, scratch[n], out)
