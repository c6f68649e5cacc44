"""The adversaries that can outvote most files."""

from aspis_mpi import streams
from aspis_mpi.assignment.worst import most_decided
from aspis_mpi.attacks.choice import Who


class Worst(Who):
    """The same adversaries in all steps, those that outvote most files.

    Workers outvote a file when they are a strict majority of those that
    hold it.  The set is the worst one as far as
    `aspis_mpi.assignment.worst.most_decided` finds it; of sets as bad as
    each other the seed draws one.

    Parameters
    ----------
    n_workers, count, seed
        See `Who`.

    References
    ----------
    Konstantinidis, Ramamoorthy, "ByzShield: an efficient and robust system
    for distributed training", MLSys 2021, section 5, by exhaustive search.
    """

    name = 'worst'
    needs_holders = True

    def __init__(self, n_workers, count, seed):
        super().__init__(n_workers, count, seed)
        self._members = self.drawn()

    def meet(self, incidence):
        """See `Who.meet`."""
        order = streams.generator(self.seed, 'worst').permutation(
            self.n_workers)
        found = most_decided(incidence[:, order],
                             incidence.sum(axis=1) // 2 + 1, self.count)
        self._members = self.marked(order[list(found.workers)])

    def members(self, step):
        """The adversaries, bool (K,), whatever the step."""
        return self._members.copy()
