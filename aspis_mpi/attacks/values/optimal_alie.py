"""ALIE with the number of standard deviations that harms most."""

from aspis_mpi.attacks.optimal import Optimal


class OptimalAlie(Optimal):
    """Mean plus as many standard deviations as harm one rule most.

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
    Baruch, Baruch, Goldberg, "A little is enough: circumventing defenses
    for distributed learning", NeurIPS 2019; the search: see `Optimal`.
    """

    name = 'optimal-alie'

    def line(self, rows):
        """mu + x * sigma."""
        return rows.mean(axis=0), rows.std(axis=0)
