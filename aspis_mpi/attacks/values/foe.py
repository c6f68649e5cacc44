"""Fall of Empires: the mean gradient turned round."""

from aspis_mpi.attacks.colluding import Colluding
from aspis_mpi.checks import check_finite


class FallOfEmpires(Colluding):
    """The mean of the true gradients times -`epsilon` (FoE, IPM).

    The inner product of what is aggregated with the true mean becomes
    negative.

    Parameters
    ----------
    seed
        See `Value`.
    epsilon : float
        At least 0.  A small one (about 0.1) is meant for rules that pick a
        value near the others, like Krum; a large one for means and
        medians.  A mean over K values with q lies turns round when
        epsilon > (K - q)/q: the default does that from one lie in ten on.
    sample : int
        Number of files, at least 1.

    References
    ----------
    Xie, Koyejo, Gupta, "Fall of Empires: breaking Byzantine-tolerant SGD by
    inner product manipulation", UAI 2019, arXiv 1903.03936.
    """

    name = 'foe'

    def __init__(self, seed, *, epsilon: float = 10.0, sample: int = 32):
        super().__init__(seed, sample=sample)
        check_finite('epsilon', epsilon, least=0)
        self.epsilon = epsilon

    def agreed(self, rows):
        """-epsilon * mean."""
        return -self.epsilon * rows.mean(axis=0)
