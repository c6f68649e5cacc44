"""Lies now and then."""

from aspis_mpi import streams
from aspis_mpi.attacks.targets import Files


class Random(Files):
    """Each adversary on each of its files with a probability of `rate`.

    Parameters
    ----------
    assignment, seed
        See `Files`.
    rate : float
        Probability of a lie, each adversary, file and step drawn by itself.
    """

    name = 'random'
    by_step = True
    needs_holders = False

    def __init__(self, assignment, seed, *, rate: float = 0.1):
        super().__init__(assignment, seed)
        if not 0 <= rate <= 1:
            raise ValueError(f'rate {rate} must be between 0 and 1')
        self.rate = rate

    def chosen(self, step, adversaries):
        """Entries drawn for this step, (f, K)."""
        rng = streams.generator(self.seed, 'attack', 'random', step)
        return rng.random(self.incidence.shape) < self.rate
