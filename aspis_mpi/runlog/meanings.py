"""Sentences on what a log holds: for the pages, and for exported tables."""

import tomllib
from functools import cache
from pathlib import Path

from aspis_mpi.detection.base import ProofKind
from aspis_mpi.schemes.events import EventCode
from aspis_mpi.schemes.record import Cause, DrawKind
from aspis_mpi.words import Named

SENTENCES = Path(__file__).with_name('meanings.toml')

#: Columns whose numbers say themselves what they mean.
TOLD: dict[tuple[str, str], type[Named]] = {
    ('/events', 'code'): EventCode, ('/exposures', 'proof'): ProofKind,
    ('/tensors', 'proof'): ProofKind, ('/rollbacks', 'cause'): Cause,
    ('/draws', 'kind'): DrawKind}


@cache
def read() -> dict[str, dict[str, str]]:
    """All sentences, by data set and then by column.

    In each '_' is a sentence about the whole; what is no path are the names
    of a column's numbers, and the attributes of the root.
    """
    return tomllib.loads(SENTENCES.read_text(encoding='utf-8'))


def of_words(path: str, column: str) -> dict[str, str]:
    """Meanings of the names of a column's numbers."""
    if (path, column) in TOLD:
        return {it.word: it.meaning for it in TOLD[path, column]}
    return {word: text for word, text in read()[column].items()
            if word != '_'}
