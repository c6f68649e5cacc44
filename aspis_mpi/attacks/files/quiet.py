"""Lies that nobody can contradict."""

import numpy as np

from aspis_mpi.attacks.targets import Files


class Quiet(Files):
    """Files with no honest holder, where no replica disagrees.

    With `subset` these are C(q, r) files; comparing replicas cannot find
    them, only computing them again can.

    Parameters
    ----------
    assignment, seed
        See `Files`.
    """

    name = 'quiet'

    def chosen(self, step, adversaries):
        """Files all of whose holders are adversaries."""
        return self.honest_inside(adversaries, np.zeros_like(adversaries))
