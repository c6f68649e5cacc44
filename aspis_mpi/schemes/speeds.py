"""The pace of each worker, as its reports of progress show."""

import numpy as np

from aspis_mpi.arrays import Bools, Floats, Ints

#: Of the newest step in the average.
WEIGHT = 0.3


class Speeds:
    """Moving average of each worker's seconds per file.

    Parameters
    ----------
    n_workers : int

    Attributes
    ----------
    seconds : ndarray of float64, shape (K,)
        NaN for workers that were never measured.
    """

    def __init__(self, n_workers: int):
        self.seconds: Floats = np.full(n_workers, np.nan)

    def observe(self, done: Ints, last_report: Floats,
                took_part: Bools) -> None:
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
        """
        elapsed = np.fmax.reduce(last_report)
        with np.errstate(invalid='ignore', divide='ignore'):
            pace = np.where(done > 0, last_report / done,
                            np.fmax(self.seconds, elapsed))
        average = self.seconds + WEIGHT * (pace - self.seconds)
        fresh = np.where(np.isnan(self.seconds), pace, average)
        self.seconds = np.where(took_part, fresh, self.seconds)
