"""A hidden adversary that gives the graph two largest cliques."""

from aspis_mpi.attacks.targets import Files


class Sacrifice(Files):
    """Open lies of all adversaries but one, which disagrees with one worker.

    All but one adversary lie on everything.  The last one, a, lies only
    where the honest holders lie inside {h}.  Both the honest workers and
    the honest workers with a in place of h are then largest cliques of the
    agreement graph, so that the rule of Aspis accuses nobody and falls back
    on the majority of each file, where the open liars vote too.

    Parameters
    ----------
    assignment, seed
        See `Files`.  Both a and h are drawn from the seed, and anew when
        the set of adversaries changes.
    """

    name = 'sacrifice'

    def chosen(self, step, adversaries):
        """Everything for q - 1 adversaries, little for the last one."""
        hidden = self.drawn('hidden', adversaries, 1, adversaries)
        victim = self.drawn('victim', ~adversaries, 1, adversaries)
        return ~hidden | self.honest_inside(adversaries, victim)
