"""Lies that make all adversaries disagree with the same q honest workers."""

from aspis_mpi.attacks.targets import Files


class FixedDisagreement(Files):
    """Files whose honest holders all lie in a fixed set of q (ATT-2).

    Every adversary disagrees with the q workers of a set D and with nobody
    else.  So the adversaries with the honest workers outside D are as large
    a clique of the agreement graph as the honest workers, and nobody can be
    told guilty.  With `subset` the adversaries hold the majority of
    C(2q, r)/2 files for odd r.

    Parameters
    ----------
    assignment, seed
        See `Files`.  D is drawn from the seed, and anew when the set of
        adversaries changes.

    References
    ----------
    Konstantinidis, Ramamoorthy, arXiv 2108.02416 (the optimal attack).
    """

    name = 'fixed-disagreement'

    def chosen(self, step, adversaries):
        """Files with no honest holder outside D, |D| = q if there are q."""
        victims = self.drawn('disagreement', ~adversaries,
                             int(adversaries.sum()), adversaries)
        return self.honest_inside(adversaries, victims)
