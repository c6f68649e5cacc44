"""Seconds a file that are exponentially distributed."""

from aspis_mpi.delays.drawn import Drawn


class Exponential(Drawn):
    """`mean` seconds a file, times Exp(1).

    Parameters
    ----------
    n_workers, load, seed, mean, per
        See `Drawn`.

    References
    ----------
    Ramamoorthy, Meng, Girimaji, arXiv 2405.19509, experiments: one rate for
    each worker.
    """

    name = 'exponential'

    def factors(self, rng, shape):
        """Exp(1)."""
        return rng.standard_exponential(shape)
