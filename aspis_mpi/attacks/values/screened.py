"""As large as goes unnoticed: a lie just below screens of norms."""

import numpy as np

from aspis_mpi.assignment.base import MOST_FILES
from aspis_mpi.attacks.colluding import Colluding
from aspis_mpi.checks import check_finite


class Screened(Colluding):
    """The mean gradient turned round, `ratio` times as long as usual.

    A screen (`detection.outlier`) lets in what is not much longer than what
    others send.  A sum of c files is usually as long as sqrt(c^2 |mu|^2 +
    c sigma^2), where mu is the mean and sigma the spread of the files'
    gradients; c lies that all point the same way add up to `ratio` times
    that, and so each of them is shorter than `ratio` times a usual file.

    Parameters
    ----------
    seed
        See `Value`.
    ratio : float
        Length over the usual one, at least 0.
    load : int
        c: files that each worker adds up, at least 1 and at
        most 65,535.
    sample : int
        Number of files of which mu and sigma are estimated, at least 2.
    """

    name = 'screened'

    def __init__(self, seed, *, ratio: float = 2.5, load: int = 8,
                 sample: int = 32):
        super().__init__(seed, sample=sample)
        check_finite('ratio', ratio, least=0)
        if not 1 <= load <= MOST_FILES:
            raise ValueError(f'load {load} must be between 1 and '
                             f'{MOST_FILES}, the most files of a run')
        if sample < 2:
            raise ValueError(f'sample {sample} must be at least 2')
        self._ratio = ratio
        self._load = load

    def _from(self, rows):
        """-ratio * sqrt(|mu|^2 + sigma^2 / c) * mu / |mu|."""
        mean = super()._from(rows)
        squares = [float(row.astype(np.float64) @ row) for row in rows]
        inside = float(mean.astype(np.float64) @ mean)
        if not inside > 0:
            return mean
        spread = max(float(np.mean(squares)) - inside, 0.0)
        factor = np.sqrt(1 + spread / inside / self._load)
        return np.float32(-self._ratio * factor) * mean

    def agreed(self, rows):
        """The mean."""
        return rows.mean(axis=0)
