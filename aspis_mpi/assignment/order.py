"""The base of every order: an arrangement of each worker's own files."""

import numpy as np
import numpy.typing as npt

from aspis_mpi.assignment.base import Assignment


class Order:
    """A rule that arranges the files of each worker."""

    def arrange(self, assignment: Assignment,
                copies: int) -> npt.NDArray[np.int32]:
        """The files of each worker in the order of computing.

        Parameters
        ----------
        assignment : Assignment
        copies : int
            How many copies of each file are waited for, at most the
            replication of every file.

        Returns
        -------
        ndarray of int32, shape (n_workers, load)
            Padded with -1; the assignment itself is not changed.
        """
        raise NotImplementedError
