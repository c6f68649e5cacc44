"""Min-max: no further from any true gradient than two of these are."""

import numpy as np

from aspis_mpi.attacks.displaced import Displaced


class MinMax(Displaced):
    """Mean moved until it is as far from a file as two files are apart.

    Its largest distance from a true gradient is the largest between two of
    them.

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
    equation 8.
    """

    name = 'min-max'

    def gamma(self, length, inner, lengths, apart):
        """Least root of |p|^2 t^2 + 2 <p, mean - g> t = D - |mean - g|^2."""
        room = np.maximum(apart.max() - lengths, 0)
        roots = np.sqrt(np.square(inner) + length * room) - inner
        return float(roots.min()) / length
