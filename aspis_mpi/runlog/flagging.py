"""The server's flags against the truth."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Flagging:
    """The server's flags against the truth, counted over workers and steps.

    A worker that had no work in a step is neither right, wrong nor missed.
    """

    right: int      # adversaries that were flagged
    wrong: int      # honest workers that were flagged
    missed: int     # adversaries that lied and were not flagged

    @property
    def precision(self) -> float:
        """Share of adversaries among the flagged; NaN without flags."""
        return _share(self.right, self.wrong)

    @property
    def recall(self) -> float:
        """Share of the flagged among those that lied; NaN without any."""
        return _share(self.right, self.missed)


def _share(part: int, rest: int) -> float:
    return part / (part + rest) if part + rest else float('nan')
