"""Honest work on labels that are flipped."""

from aspis_mpi.attacks.misled import Misled


class LabelFlip(Misled):
    """The gradient over the same samples, their labels y flipped to C - 1 - y.

    Of C classes; for problems that have some: `digits`, `images`, and
    `torch` with whole numbers as targets.

    Parameters
    ----------
    seed
        See `Value`.

    Notes
    -----
    Where no sample of a file changes its class, as the middle one of an odd
    number does not, the lie is the truth with another sign of its largest
    entry.

    References
    ----------
    Fang, Cao, Jia, Gong, "Local model poisoning attacks to
    Byzantine-robust federated learning", USENIX Security 2020, section 5.1;
    Karimireddy, He, Jaggi, "Byzantine-robust learning on heterogeneous
    datasets via bucketing", ICLR 2022, appendix A.
    """

    name = 'label-flip'
    flips = True
