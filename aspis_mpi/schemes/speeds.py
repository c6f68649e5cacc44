"""The pace of each worker, as its reports of progress show."""

import numpy as np

from aspis_mpi.arrays import Bools, Floats, Ints

#: Of the newest step in the average.
WEIGHT = 0.3
#: Where speeds are followed at once, what differs by more is no noise.
JUMP = 2.0


class Speeds:
    """Moving average of each worker's seconds per file.

    Parameters
    ----------
    n_workers : int
    jumps : bool
        Whether a pace that is another one counts as it is, at once.

    Attributes
    ----------
    seconds : ndarray of float64, shape (K,)
        NaN for workers that were never measured.
    """

    def __init__(self, n_workers: int, jumps: bool = False):
        self._jumps = jumps
        self.seconds: Floats = np.full(n_workers, np.nan)

    def observe(self, done: Ints, last_report: Floats,
                took_part: Bools, judged: Bools | None = None) -> None:
        """Take one step into account.

        Parameters
        ----------
        done : ndarray of int, shape (K,)
            Files that each worker finished.
        last_report : ndarray of float64, shape (K,)
            Seconds since `Model` of the last of them.  A worker without a
            file needs longer for one than the step lasted; that is all that
            is known of it.
        took_part : ndarray of bool, shape (K,)
        judged : ndarray of bool, shape (K,), optional
            Whose files were looked at; the others can only be slower than
            they were thought to be.
        """
        elapsed = np.fmax.reduce(last_report)
        with np.errstate(invalid='ignore', divide='ignore'):
            pace = np.where(done > 0, last_report / done,
                            np.fmax(self.seconds, elapsed))
        if judged is not None:
            pace = np.where(judged, pace, np.fmax(self.seconds, pace))
        average = self.seconds + WEIGHT * (pace - self.seconds)
        new = np.isnan(self.seconds)
        if self._jumps:
            new |= ~((pace <= JUMP * self.seconds)
                     & (self.seconds <= JUMP * pace))
        fresh = np.where(new, pace, average)
        self.seconds = np.where(took_part, fresh, self.seconds)
