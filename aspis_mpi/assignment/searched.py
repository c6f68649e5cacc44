"""The base of designs whose worst workers are searched for."""

from aspis_mpi.assignment import worst
from aspis_mpi.assignment.base import Assignment

#: Work of a search where a run begins: a fifth of a second.
MOST_WORK = 400_000_000


class Searched(Assignment):
    """A design without a closed form of what q workers can decide.

    Both numbers are exact where a short search finds them, else bounds from
    above (`aspis_mpi.assignment.worst`).
    """

    def majorities(self, q: int) -> int:
        """The most files whose strict majority some q workers hold."""
        return self._decided(self.incidence.sum(axis=1) // 2 + 1, q)

    def unanimous(self, q: int) -> int:
        """The most files all of whose holders are some q workers."""
        return self._decided(self.incidence.sum(axis=1), q)

    def _decided(self, needed, q):
        return worst.most_decided(self.incidence, needed, q, MOST_WORK).bound
