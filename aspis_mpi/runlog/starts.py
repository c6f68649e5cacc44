"""Starts of a run: when it began or went on, and where its ranks were then.

A run that is queued again has other hosts: what happened belongs to those of
its time.  Rows of `/events` and `/exposures` are only appended, so that their
numbers at a start tell whose they are; of steps it is the step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aspis_mpi.runlog import schema


@dataclass(frozen=True)
class Started:
    """A start of a run, and where its ranks were from then on.

    Attributes
    ----------
    step : int
        With which it began or went on.
    began : float
        Seconds since 1970, by the clock of rank 0.
    events, exposures : int
        Rows that the log had before.
    source : str
        Who names the hosts, one of `schema.SOURCES`.
    hosts, devices : tuple of str
        Of each rank; empty where it is not known.  Devices are always named
        by the ranks; what computes on the processor has none.
    """

    step: int
    began: float
    events: int
    exposures: int
    source: str
    hosts: tuple[str, ...]
    devices: tuple[str, ...]

    @property
    def vouched(self) -> bool:
        """True if a launcher names the hosts, not the ranks themselves."""
        return self.source in schema.LAUNCHERS


def ends(counts: Sequence[int], end: int) -> Iterator[int]:
    """For each start the row before which another one's begin.

    Where a run went on from an earlier step, rows of the start before were
    left out, perhaps all.

    >>> list(ends([0, 5, 3], 9))
    [3, 3, 9]
    """
    for place in range(1, len(counts) + 1):
        yield min([*counts[place:], end])
