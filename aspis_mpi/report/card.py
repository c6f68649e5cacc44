"""A card of the first screen, and numbers as its sentences have them."""

from typing import NamedTuple

import numpy as np

from aspis_mpi import words

#: Workers, proofs and events that are named.
NAMED = 6


class Card(NamedTuple):
    """A question and its answer."""

    question: str
    mood: str                   # good, bad, or empty where neither is
    verdict: str                # the answer in a few words
    evidence: str               # a sentence that belongs to it, or empty
    sentences: list[str]        # more of them, which may be folded away


def short(value):
    """A number with about three digits.

    >>> short(0.12345), short(12345.6), short(float('nan'))
    ('0.123', '12,346', 'not finite')
    """
    return words.short(value) if np.isfinite(value) else 'not finite'


def seconds(value, kind=''):
    """A duration.

    >>> seconds(0.01234), seconds(90.0)
    ('12.3 ms', '90 s')
    """
    if value >= 1 or value == 0:
        return f'{short(value)} {kind}s'
    return f'{value * 1e3:.3g} {kind}ms'


def listed(names, most=NAMED):
    """Names as a sentence has them, the first of many.

    >>> listed([3]), listed([3, 5, 8]), listed('abcd', 2)
    ('3', '3, 5 and 8', 'a, b and 2 more')
    """
    *before, last = map(str, names)
    if len(before) >= most:
        return f'{", ".join(before[:most])} and {len(before) + 1 - most} more'
    return ' and '.join(filter(None, [', '.join(before), last]))
