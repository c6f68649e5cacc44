"""Lies on every file."""

from aspis_mpi.attacks.targets import Files


class All(Files):
    """Every file that an adversary holds (ATT-1).

    Parameters
    ----------
    assignment, seed
        See `Files`.
    """

    name = 'all'
    needs_holders = False

    def chosen(self, step, adversaries):
        """All of them."""
        return True
