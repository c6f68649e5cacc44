"""Lies that make the adversaries' clique the only largest one."""

from aspis_mpi.attacks.targets import Files


class Framing(Files):
    """Files whose honest holders all lie in a fixed set of q - 1.

    The adversaries agree with one honest worker more than in
    `fixed-disagreement`, so that their clique of K - q + 1 is the unique
    largest of the agreement graph, and the rule of Aspis accuses the q - 1
    honest workers of the set D.

    Parameters
    ----------
    assignment, seed
        See `Files`.  D is drawn from the seed, and anew when the set of
        adversaries changes.
    """

    name = 'framing'

    def chosen(self, step, adversaries):
        """Files with no honest holder outside D, |D| = q - 1."""
        framed = self.drawn('disagreement', ~adversaries,
                            int(adversaries.sum()) - 1, adversaries)
        return self.honest_inside(adversaries, framed)
