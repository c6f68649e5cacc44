"""Mimicry: one true gradient again and again."""

import numpy as np

from aspis_mpi.aggregation.distances import squared
from aspis_mpi.aggregation.rows import Rows
from aspis_mpi.attacks.colluding import Colluding


class Mimic(Colluding):
    """The true mean gradient of one file, in the place of all others.

    Nothing of it is wrong, but that file counts many times: rules that look
    for outliers find none, and are led towards it.

    Parameters
    ----------
    seed
        See `Value`.
    copied : int
        Number of the file, below `sample`.  -1: the one that stands out
        most along the direction in which the files vary most.
    sample : int
        Number of files, at least 1.

    Notes
    -----
    The paper copies one worker in all steps, which it chooses by that
    direction over the first steps, since a worker's data are its own.  Here
    each step deals out the samples anew, and the file is chosen anew.

    References
    ----------
    Karimireddy, He, Jaggi, "Byzantine-robust learning on heterogeneous
    datasets via bucketing", ICLR 2022, section 3.2 and appendix B.
    """

    name = 'mimic'

    def __init__(self, seed, *, copied: int = -1, sample: int = 32):
        super().__init__(seed, sample=sample)
        if not -1 <= copied < sample:
            raise ValueError(f'copied {copied} must be between 0 and '
                             f'{sample - 1}, below sample, or -1')
        self.copied = copied

    def _from(self, rows):
        if self.copied < 0:
            return rows[outlying(rows)].copy()
        return rows[min(self.copied, len(rows) - 1)].copy()


def outlying(rows):
    """The row that stands out most along the direction of most variance.

    Parameters
    ----------
    rows : ndarray of float32, shape (m, d)

    Notes
    -----
    The positions of centred rows along it are an eigenvector of their inner
    products, -HDH/2 with the squared distances D.
    """
    m = len(rows)
    apart = squared(Rows(list(rows), np.ones(m, dtype=int), 1))
    means = apart.mean(axis=0)
    products = (means[:, np.newaxis] + means - apart - means.mean()) / 2
    return int(np.abs(np.linalg.eigh(products)[1][:, -1]).argmax())
