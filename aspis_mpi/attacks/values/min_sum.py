"""Min-sum: no further from all true gradients than one of these is."""

import numpy as np

from aspis_mpi.attacks.displaced import Displaced


class MinSum(Displaced):
    """Mean moved until it is as far from all files as one of them is.

    Its sum of squared distances from the true gradients is the largest that
    one of them has from the others.

    Parameters
    ----------
    seed
        See `Value`.
    direction : str
        In which it is moved: against itself ('unit'), against the standard
        deviations ('std'), against its signs ('sign').
    sample : int
        Number of files, at least 2: one file has no distances.

    References
    ----------
    Shejwalkar, Houmansadr, "Manipulating the Byzantine: optimizing model
    poisoning attacks and defenses for federated learning", NDSS 2021,
    equation 9.
    """

    name = 'min-sum'

    def gamma(self, length, inner, lengths, apart):
        """Root of m |p|^2 t^2 = S - sum |mean - g|^2."""
        room = max(apart.sum(axis=1).max() - lengths.sum(), 0.0)
        return float(np.sqrt(room / (len(lengths) * length)))
