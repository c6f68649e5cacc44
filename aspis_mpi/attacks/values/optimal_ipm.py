"""Inner product manipulation with the factor that harms most."""

from aspis_mpi.attacks.optimal import Optimal


class OptimalIpm(Optimal):
    """Mean of the true gradients, turned round as far as harms most.

    Parameters
    ----------
    seed
        See `Value`.
    against : str
        The aggregation, by its name, as it is without options.
    evaluations : int
        How often it is tried in a step, at least 1 and at most 10,000.
    sample : int
        Number of files, at least 2.

    References
    ----------
    Xie, Koyejo, Gupta, "Fall of Empires: breaking Byzantine-tolerant SGD by
    inner product manipulation", UAI 2019; the search: see `Optimal`.
    """

    name = 'optimal-ipm'

    def line(self, rows):
        """-x * mean."""
        return 0.0, -rows.mean(axis=0)
