"""A little is enough: a lie inside the spread of the honest values."""

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
    z : float
        Standard deviations.  The paper derives the largest z that still
        hides from the number of workers and of liars among as many
        *values*; here the values are files, of which the scheme lets a
        different share pass each time, so z is a plain number.  A negative
        z leans the other way.
    sample : int
        Number of files, at least 2: one file has no spread.

    References
    ----------
    Baruch, Baruch, Goldberg, "A little is enough: circumventing defenses
    for distributed learning", NeurIPS 2019, arXiv 1902.06156.
    """

    name = 'alie'

    def __init__(self, seed, *, z: float = 1.0, sample: int = 32):
        super().__init__(seed, sample=sample)
        if sample < 2:
            raise ValueError(f'sample {sample} must be at least 2')
        check_finite('z', z)
        self.z = z

    def agreed(self, rows):
        """mu + z * sigma."""
        return rows.mean(axis=0) + self.z * rows.std(axis=0)
