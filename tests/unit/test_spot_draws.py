"""Draws of checks: uniform, nobody its own, everybody once."""

import itertools
import math

import pytest

from aspis_mpi.detection.spot import draws
from aspis_mpi.detection.spot.draws import derangement, draw
from aspis_mpi.streams import Coins, generator


def coins(*names):
    return Coins(generator(11, 'draws', *names).bytes)


class NeverDeranged(Coins):
    """A source whose first orders leave something in its place."""

    def __init__(self, source, bad):
        super().__init__(generator(11, 'never').bytes)
        self._source, self._bad = source, bad

    def permutation(self, n):
        if self._bad:
            self._bad -= 1
            return list(range(n))
        return self._source.permutation(n)


def frequencies(outcomes):
    counts = {}
    for outcome in outcomes:
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts


def is_uniform(counts, n):
    """Chi-square of n outcomes within six standard deviations."""
    expected = sum(counts.values()) / n
    apart = sum((count - expected) ** 2 for count in counts.values())
    apart += (n - len(counts)) * expected ** 2
    return apart / expected <= n - 1 + 6 * math.sqrt(2 * n)


@pytest.mark.parametrize('n', [2, 3, 4, 5])
def test_all_derangements_have_the_same_probability(n):
    exact = {order for order in itertools.permutations(range(n))
             if all(a != b for a, b in enumerate(order))}
    source = coins(n)
    found = frequencies(tuple(derangement(source, n))
                        for _ in range(60 * len(exact)))
    assert set(found) == exact
    assert is_uniform(found, len(exact))


def test_a_repaired_one_would_be_found():
    """The test above sees an exchange of the first that checks itself."""
    def repaired(source, n):
        order = source.permutation(n)
        for place in range(n):
            if order[place] == place:
                other = (place + 1) % n
                order[place], order[other] = order[other], order[place]
        return order
    source = coins('repaired')
    found = frequencies(tuple(repaired(source, 4)) for _ in range(1800))
    assert not is_uniform(found, 9)


@pytest.mark.parametrize('n', [2, 3, 15, 100])
def test_nobody_checks_itself_and_everybody_is_checked_once(n):
    source = coins('once', n)
    for _ in range(50):
        order = derangement(source, n)
        assert sorted(order) == list(range(n))
        assert all(place != other for place, other in enumerate(order))


@pytest.mark.parametrize('n', [2, 3, 5])
def test_the_last_resort_is_a_uniform_cycle(n):
    source = coins('cycle', n)
    found = frequencies(
        tuple(derangement(NeverDeranged(source, draws.TRIES), n))
        for _ in range(60 * math.factorial(n - 1)))
    assert is_uniform(found, math.factorial(n - 1))
    for order in found:
        place, seen = 0, set()
        while place not in seen:
            seen.add(place)
            place = order[place]
        assert len(seen) == n


def test_one_worker_has_nobody_to_check():
    with pytest.raises(ValueError, match='must be at least 2'):
        derangement(coins(), 1)
    assert draw(coins(), [3], {3: [0, 1]}) == draw(coins(), [], {}) == []


WORKERS = [0, 2, 3, 5, 6]
FILES = {worker: range(10 * worker, 10 * worker + 4) for worker in WORKERS}


def test_each_file_of_each_worker_is_drawn_as_often():
    source, runs = coins('files'), 1000
    found = frequencies(check for _ in range(runs)
                        for check in draw(source, WORKERS, FILES))
    assert sum(found.values()) == runs * len(WORKERS)
    for owner in WORKERS:
        of = {check: count for check, count in found.items()
              if check.owner == owner}
        assert {check.file for check in of} == set(FILES[owner])
        assert {check.checker for check in of} == set(WORKERS) - {owner}
        assert is_uniform(of, 4 * (len(WORKERS) - 1))


def test_who_has_no_payload_checks_and_is_not_checked():
    source, files = coins('idle'), FILES | {3: []}
    del files[5]
    checkers = set()
    for _ in range(40):
        checks = draw(source, WORKERS, files)
        assert sorted(check.owner for check in checks) == [0, 2, 6]
        assert checks == sorted(checks)
        assert len({check.checker for check in checks}) == 3
        checkers |= {check.checker for check in checks}
    assert checkers == set(WORKERS)


@pytest.mark.parametrize('n, liars', [(4, 2), (7, 3), (15, 7)])
def test_liars_check_each_other_as_often_as_they_have_to(n, liars):
    """(q - 1) / (K - 1), and no more for any of them."""
    source, runs = coins('collude', n), 1000
    chance = (liars - 1) / (n - 1)
    colluding = [0] * liars
    for _ in range(runs):
        for check in draw(source, range(n), {w: [w] for w in range(liars)}):
            colluding[check.owner] += check.checker < liars
    for count in colluding:
        assert abs(count - runs * chance) <= 4 * math.sqrt(
            runs * chance * (1 - chance))
