"""Difference of machines that a job allows, and what follows from it."""

from dataclasses import dataclass

from aspis_mpi.detection.equality import BITS, from_probe
from aspis_mpi.detection.probe import check, check_draws, check_support


@dataclass(frozen=True)
class Allowance:
    """Chooses when replicas count as equal.

    Parameters
    ----------
    path : str
        Of the job file, for messages.
    q : int
        Workers that may be wrong.
    bits : bool
        Only equal bits will do.
    tolerance, disagreement : float, optional
        See `from_probe`.
    draws : bool
        Random numbers are drawn while gradients are computed.
    """

    path: str
    q: int
    bits: bool
    tolerance: float | None = None
    disagreement: float | None = None
    draws: bool = False

    def settle(self, probe):
        """Choose, given by how much the machines differ.

        Parameters
        ----------
        probe : Probe

        Returns
        -------
        Equality

        Raises
        ------
        ValueError
            They differ by more than the job allows.
        """
        try:
            return self._chosen(probe)
        except ValueError as error:
            raise ValueError(f'{self.path}: {error}') from error

    def _chosen(self, probe):
        if self.bits:
            check(probe, self.q)
            return BITS
        if self.draws:
            check_draws(probe, self.q)
        equality = from_probe(probe, self.tolerance, self.disagreement)
        check_support(probe, equality)
        return equality
