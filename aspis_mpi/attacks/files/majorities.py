"""Lies where they can win a vote."""

from aspis_mpi.attacks.targets import Files


class Majorities(Files):
    """Files whose holders are in strict majority adversaries (ATT-3).

    Parameters
    ----------
    assignment, seed
        See `Files`.
    """

    name = 'majorities'

    def chosen(self, step, adversaries):
        """Files with more adversaries than honest holders."""
        liars = (self.incidence & adversaries).sum(axis=1, keepdims=True)
        return 2 * liars > self.incidence.sum(axis=1, keepdims=True)
