"""Records of what speaks against hosts, from logs and ledgers of runs."""

from dataclasses import dataclass
from typing import NamedTuple

from aspis_mpi.runlog import schema
from aspis_mpi.words import Named


class Kind(Named):
    """Kinds of evidence against a host."""

    EXPOSED = 0, 'A worker on it was proved wrong.'
    DEAD = 1, 'A worker on it died, or fell silent for good.'
    SLOW = 2, 'A worker on it was slow.'
    SILENT = 3, 'A worker on it was silent, and came back.'
    UNCLEAR = 4, 'A worker on it fell silent, as more than half of them did.'


@dataclass(frozen=True)
class Evidence:
    """Something that speaks against a host.

    Attributes
    ----------
    run : str
        Identity of the run.
    began : float
        Seconds since 1970, when the run began or went on there.
    log : str
        Path of the log.
    kind : Kind
    worker, rank : int
    host, device : str
        Empty where they are not known, or it computes on the processor.
    vouched : bool
        Whether a launcher says the host.
    step : int or None
        The first one of which there is something to say.
    text : str
        A sentence without its subject, the worker.
    """

    run: str
    began: float
    log: str
    kind: Kind
    worker: int
    rank: int
    host: str
    device: str
    vouched: bool
    step: int | None
    text: str

    @property
    def key(self) -> tuple[str, float, int, str]:
        """The same for what is the same, in a log or a ledger."""
        return self.run, self.began, self.worker, self.kind.word


@dataclass(frozen=True)
class Presence:
    """Hosts that a run had from one of its starts on.

    Attributes
    ----------
    run, began, log
        As of `Evidence`.
    source : str
        Who names the hosts, one of `schema.SOURCES`.
    hosts : tuple of str
        Of each rank.
    staged : bool
        Whether the job itself makes workers lie, slow or silent.
    """

    run: str
    began: float
    log: str
    source: str
    hosts: tuple[str, ...]
    staged: bool

    @property
    def vouched(self) -> bool:
        """True if a launcher names the hosts."""
        return self.source in schema.LAUNCHERS

    @property
    def key(self) -> tuple[str, float]:
        """The same for what is the same, in a log or a ledger."""
        return self.run, self.began


class Findings(NamedTuple):
    """Hosts of some runs, and the evidence against them."""

    presences: list[Presence]
    evidence: list[Evidence]
