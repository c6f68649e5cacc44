"""The base of every aggregator: a rule on n rows, applied block by block."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from aspis_mpi.aggregation.blocks import add_up, per_sample
from aspis_mpi.aggregation.rows import Rows
from aspis_mpi.arrays import Ints, Vector

#: What rules need, whoever keeps it.
__all__ = ['Aggregator', 'Rows', 'add_up', 'check_rows', 'checked',
           'per_sample']


class Aggregator:
    """A rule that makes one mean gradient of n per-file gradients.

    Parameters
    ----------
    n_files : int
        f, the most rows that a step can bring.
    n_adversaries : int
        q, as the server assumes it.
    worst_case : int
        The most files that q adversaries can make wrong.

    Notes
    -----
    A rule that looks at each coordinate by itself has `scratch_rows` and
    `reduce`; one that has to see all of the files first has `combine`.
    """

    #: Whether one entry that is not finite shows in the result, always.
    shows_non_finite = False
    #: Whether it is the mean over all samples, which coded sums are.
    is_plain_mean = False

    def __init__(self, n_files: int, n_adversaries: int, worst_case: int):
        if n_files < 1:
            raise ValueError(f'number of files {n_files} must be at least 1')
        if n_adversaries < 0:
            raise ValueError(
                f'number of adversaries {n_adversaries} must be at least 0')
        self.n_files = n_files
        self.n_adversaries = n_adversaries
        self.worst_case = worst_case

    def check(self) -> None:
        """Raise a ValueError where the rule promises nothing for its sizes.

        Asked when a job is read.  When files or workers are lost during the
        run a rule does what it can with those that are left.
        """
        check_rows(self, self.n_files, self.worst_case, self.least_rows)

    def least_rows(self, wrong: int) -> int:
        """Rows of which so many, at least one, may be wrong."""
        return 1

    def wrong_of(self, n: int) -> int:
        """Rows that may be wrong of n that came, less than half of them."""
        return min(max(self.worst_case, 0), (n - 1) // 2)

    def aggregate(self, rows: Sequence[Vector], samples: npt.ArrayLike,
                  out: Vector, threads: int = 1) -> None:
        """Write the aggregated mean gradient per sample to `out`.

        Parameters
        ----------
        rows : sequence of ndarray of float32, shape (d,)
            Finite gradients, each the sum over its file's samples; they are
            only read.
        samples : array_like of int, shape (n,)
            Samples of each row's file, at least 1.
        out : ndarray of float32, shape (d,)
            Receives the result; overlaps no row.
        threads : int
            Threads that share the blocks of coordinates.

        Raises
        ------
        ValueError
            No rows, or shapes and counts that do not fit.

        Notes
        -----
        Besides the result each thread needs about 4 MB.  Rows whose sum
        exceeds the range of float32 can make the result infinite.
        """
        counts = checked(rows, samples, out)
        self.combine(Rows(rows, counts, threads), out)

    def combine(self, rows: Rows, out: Vector) -> None:
        """Write what the rule makes of rows to `out`.

        What `aggregate` does, and where pre-aggregations come before the
        rule, with what these make of the files.
        """
        def look(block: slice, pieces: Sequence[Vector],
                 scratch: Vector) -> None:
            self.reduce(pieces, rows.samples, scratch, out[block])

        rows.walk(look, self.scratch_rows(rows.n))

    def scratch_rows(self, n: int) -> int:
        """Vectors as long as a block that `reduce` needs for n rows."""
        raise NotImplementedError

    def reduce(self, pieces: Sequence[Vector], samples: Ints,
               scratch: Vector, out: Vector) -> None:
        """The rule on one block of b coordinates.

        Parameters
        ----------
        pieces : list of ndarray of float32, shape (b,)
            The block of each row; only read.
        samples : ndarray of int, shape (n,)
        scratch : ndarray of float32, shape (scratch_rows(n), b)
            Free to use.
        out : ndarray of float32, shape (b,)
        """
        raise NotImplementedError


def check_rows(part: object, n: int, worst_case: int,
               least_rows: Callable[[int], int]) -> None:
    """Raise a ValueError where n rows are too few for a part."""
    wrong = max(worst_case, 0)
    if not wrong or n >= least_rows(wrong):
        return
    borne = max((w for w in range(1, wrong) if least_rows(w) <= n), default=0)
    name = getattr(part, 'name', type(part).__name__)
    raise ValueError(
        f"'{name}' needs at least {least_rows(wrong)} rows where {wrong} of "
        f'them can be wrong; it gets {n}, of which it bears {borne} wrong '
        'ones: assume fewer adversaries, choose another assignment, or '
        "another rule, such as 'median'")


def checked(rows: Sequence[Vector], samples: npt.ArrayLike,
            out: Vector) -> Ints:
    """The sample counts as an array, after a look at every shape."""
    counts = np.asarray(samples)
    if not len(rows):
        raise ValueError('0 rows cannot be aggregated; at least 1 is needed')
    if counts.shape != (len(rows),):
        raise ValueError(f'sample counts of shape {counts.shape} do not fit '
                         f'{len(rows)} rows')
    if counts.min() < 1:
        raise ValueError(
            f'sample count {counts.min()} of a row must be at least 1')
    for row in rows:
        if row.shape != out.shape:
            raise ValueError(f'a row of shape {row.shape} does not fit a '
                             f'result of shape {out.shape}')
    return counts
