"""Inner product manipulation: the mean gradient turned round, but small."""

from aspis_mpi.attacks.values.foe import FallOfEmpires


class InnerProductManipulation(FallOfEmpires):
    """The mean of the true gradients times a small -`epsilon` (IPM).

    The attack `foe` with a factor that is meant for rules which pick values
    near the others: the lies are closer to most of them than these are to
    each other.

    Parameters
    ----------
    seed
        See `Value`.
    epsilon : float
        At least 0.
    sample : int
        Number of files, at least 1.

    References
    ----------
    Xie, Koyejo, Gupta, "Fall of Empires: breaking Byzantine-tolerant SGD by
    inner product manipulation", UAI 2019, arXiv 1903.03936; with epsilon =
    0.1 Karimireddy, He, Jaggi, ICML 2021, section 8.
    """

    name = 'ipm'

    def __init__(self, seed, *, epsilon: float = 0.1, sample: int = 32):
        super().__init__(seed, epsilon=epsilon, sample=sample)
