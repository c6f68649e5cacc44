"""A little is enough: a lie inside the spread of the honest values."""

from statistics import NormalDist
from typing import Literal

from aspis_mpi.attacks.colluding import Colluding
from aspis_mpi.checks import check_finite


class ALittleIsEnough(Colluding):
    """Mean plus `z` standard deviations of the true gradients (ALIE).

    Coordinate by coordinate over the step's first files, with the standard
    deviation of the sample itself (divisor m), as in the code of Aspis.

    Parameters
    ----------
    seed
        See `Value`.
    z : float or str
        Standard deviations.  'paper': the largest that still hides among
        `values` of which `wrong` are lies, as the paper derives it.  A
        negative z leans the other way.
    values : int
        n of that formula.  0: the number of workers.  What is aggregated
        here are files, of which a scheme lets another share pass.
    wrong : int
        m of that formula, less than half of n.  0: the number of liars.
    sample : int
        Number of files, at least 2: one file has no spread.

    References
    ----------
    Baruch, Baruch, Goldberg, "A little is enough: circumventing defenses
    for distributed learning", NeurIPS 2019, arXiv 1902.06156, algorithm 3.
    """

    name = 'alie'

    def __init__(self, seed, *, z: float | Literal['paper'] = 1.0,
                 values: int = 0, wrong: int = 0, sample: int = 32):
        super().__init__(seed, sample=sample)
        if sample < 2:
            raise ValueError(f'sample {sample} must be at least 2')
        if (values or wrong) and z != 'paper':
            raise ValueError(f"z {z} must be 'paper' where values or wrong "
                             'are given, which say what to derive it from')
        if z != 'paper':
            check_finite('z', z)
        self.z = z
        self.values = values
        self.wrong = wrong
        self._deviations = 0.0 if z == 'paper' else z

    def meet(self, n_workers, n_liars):
        """See `Value.meet`."""
        if self.z == 'paper':
            self._deviations = deviations(self.values or n_workers,
                                          self.wrong or n_liars)

    def agreed(self, rows):
        """mu + z * sigma."""
        return rows.mean(axis=0) + self._deviations * rows.std(axis=0)


def deviations(n, m):
    """The largest z with which m lies among n values still hide.

    With s = floor(n/2 + 1) - m true values on their side the lies are a
    majority: so many, on average, are further than z from the mean, where
    the normal distribution below z is (n - m - s)/(n - m).

    Raises
    ------
    ValueError
        The lies are none, or half of the values or more.

    >>> round(deviations(50, 24), 2)
    1.43
    """
    if not 0 < 2 * m < n:
        raise ValueError(f'wrong {m} must be at least 1 and less than half '
                         f"of values, {n}, for z = 'paper'")
    needed = n // 2 + 1 - m
    return NormalDist().inv_cdf((n - m - needed) / (n - m))
