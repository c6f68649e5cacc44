"""Draws of checks: each worker one file of another, when all is in.

No liar can choose its checker, and q liars that collude check one another
with probability (q - 1) / (K - 1) each, because all derangements have the
same probability.  One that is repaired, by an exchange of those that would
check themselves, has not: so it is drawn again until it is one.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aspis_mpi.streams import Coins

#: Orders that are drawn at most: none of so many is a derangement once in
#: 5e11, for three workers; for many each is one with probability 1/e.
TRIES = 64


class Check(NamedTuple):
    """One file of a worker that another one computes again."""

    checker: int
    owner: int
    file: int


def derangement(coins: Coins, n: int) -> list[int]:
    """A uniform order of 0 ... n - 1 that leaves nothing in its place.

    Parameters
    ----------
    coins : Coins
    n : int
        At least 2.

    Returns
    -------
    list of int
        Whom each one checks.

    Raises
    ------
    ValueError
        n is below 2.

    Notes
    -----
    By rejection: 2.7 orders on average.  After `TRIES` of them it is the
    cyclic shift of a random order, where as well each one is checked by each
    other one with probability 1 / (n - 1).
    """
    if n < 2:
        raise ValueError(f'n {n} must be at least 2: nobody checks itself')
    for _ in range(TRIES):
        order = coins.permutation(n)
        if all(place != other for place, other in enumerate(order)):
            return order
    return _shift(coins, n)


def _shift(coins: Coins, n: int) -> list[int]:
    """A derangement that is one cycle, uniform among those."""
    order = coins.permutation(n)
    checked = dict(zip(order, order[1:] + order[:1]))
    return [checked[place] for place in range(n)]


def draw(coins: Coins, workers: Sequence[int],
         files: Mapping[int, Sequence[int]]) -> list[Check]:
    """The checks of one epoch.

    Parameters
    ----------
    coins : Coins
    workers : sequence of int
        Those that live and owe nothing, distinct.
    files : dict of int to sequence of int
        Files of each worker's payload; workers without one, or without any
        file, are not checked, and check others.

    Returns
    -------
    list of Check
        By checker, at most one for each, and at most one for each owner;
        none of fewer than 2 workers.
    """
    if len(workers) < 2:
        return []
    others = derangement(coins, len(workers))
    checks = []
    for checker, place in zip(workers, others):
        owned = files.get(workers[place], ())
        if len(owned):
            checks.append(Check(checker, workers[place],
                                int(owned[coins.below(len(owned))])))
    return sorted(checks)
