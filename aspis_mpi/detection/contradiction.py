"""Contradictions of what a step has brought, as kinds with sentences."""

from enum import Enum, auto
from typing import NamedTuple


class ContradictionKind(Enum):
    """Kinds of reasons why the assumptions cannot hold."""

    #: The disagreements need more wrong workers than there can be.
    DISAGREEMENTS = auto()
    #: More workers are proved wrong than can be.
    EXPOSED = auto()
    #: Numbers are not finite that liars alone cannot have made so.
    NOT_FINITE = auto()
    #: Sums are far larger than in all steps before.
    GROWN = auto()


class Contradiction(NamedTuple):
    """Reason why the assumptions cannot hold."""

    kind: ContradictionKind
    text: str
