"""The base of pre-aggregations, and the rules that have some before them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aspis_mpi.aggregation.base import Aggregator, check_rows
from aspis_mpi.aggregation.rows import Rows
from aspis_mpi.arrays import Vector


class PreAggregation:
    """A change of the files' means before a rule makes one of them.

    Parameters
    ----------
    n_files : int
        The most rows that a step can bring.
    n_adversaries : int
        q, as the server assumes it.
    worst_case : int
        The most of these rows that q adversaries can make wrong.
    """

    def __init__(self, n_files: int, n_adversaries: int, worst_case: int):
        if n_files < 1:
            raise ValueError(f'number of files {n_files} must be at least 1')
        self.n_files = n_files
        self.n_adversaries = n_adversaries
        self.worst_case = worst_case

    def check(self) -> None:
        """Raise a ValueError where it promises nothing for its sizes.

        Asked when a job is read, see `Aggregator.check`.
        """
        check_rows(self, self.n_files, self.worst_case, self.least_rows)

    def least_rows(self, wrong: int) -> int:
        """Rows of which so many, at least one, may be wrong."""
        return 1

    def leaves(self, n: int) -> int:
        """Rows that it makes of n."""
        return n

    def changed(self, rows: Rows) -> Rows:
        """The rows that it makes of others, without reading them yet."""
        raise NotImplementedError

    def wrong_of(self, n: int) -> int:
        """Rows that may be wrong of n that came, less than half of them."""
        return min(max(self.worst_case, 0), (n - 1) // 2)


class Chain(Aggregator):
    """A rule behind one or several pre-aggregations.

    Parameters
    ----------
    before : sequence of PreAggregation
        In the order in which they are applied.
    rule : Aggregator
        Made for the rows that they leave.
    """

    def __init__(self, before: Sequence[PreAggregation], rule: Aggregator):
        first = before[0]
        super().__init__(first.n_files, first.n_adversaries,
                         first.worst_case)
        if type(rule).aggregate is not Aggregator.aggregate:
            raise ValueError(
                f'{type(rule).__name__} has an aggregate of its own, which '
                'reads the files as they came; with pre-aggregations before '
                'it let it have combine or reduce')
        self.before = tuple(before)
        self.rule = rule
        #: Of median-of-means, as `plan` shows them.
        self.buckets = getattr(rule, 'buckets', None)

    def check(self) -> None:
        """See `Aggregator.check`; asks all of them."""
        for part in self.before:
            part.check()
        self.rule.check()

    def combine(self, rows: Rows, out: Vector) -> None:
        """Write what the rule makes of what they make of the rows."""
        for part in self.before:
            rows = part.changed(rows)
        self.rule.combine(rows, out)


@dataclass(frozen=True, eq=False)
class ChainMaker:
    """Makes a rule with its pre-aggregations, each for what reaches it.

    Parameters
    ----------
    before : tuple of callable
        Makers of pre-aggregations.
    rule : callable
        Maker of the rule.
    """

    before: tuple[Callable[..., PreAggregation], ...]
    rule: Callable[..., Aggregator]

    def __call__(self, n_files: int, n_adversaries: int,
                 worst_case: int) -> Aggregator:
        made = []
        for make in self.before:
            # A wrong row spoils one of those that are left, at most as
            # many, or leans on all of them a little.
            made.append(make(n_files, n_adversaries, worst_case))
            n_files = made[-1].leaves(n_files)
        rule = self.rule(n_files, n_adversaries, worst_case)
        return Chain(made, rule) if made else rule
