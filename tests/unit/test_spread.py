"""What machines differ by: no liar can widen or narrow it."""

import numpy as np
import pytest

from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.spread import spread

ASSIGNMENTS = [Subset(11, replication=3), Cyclic(15, load=5)]


def told_spread(distances, present, assignment, q):
    """The same by the words of the rule."""
    def largest_but(values):
        return sorted(values)[-1 - q] if len(values) > q else None
    widest = {}
    for file, row in enumerate(assignment.holders.tolist()):
        for a, one in enumerate(row):
            for b, other in enumerate(row):
                if a != b and present[file, a] and present[file, b]:
                    widest.setdefault(one, {}).setdefault(other, []).append(
                        distances[file, a, b])
    rows = [largest_but([max(seen) for seen in row.values()])
            for row in widest.values()]
    found = largest_but([row for row in rows if row is not None])
    return np.nan if found is None else found


@pytest.mark.parametrize('assignment', ASSIGNMENTS)
@pytest.mark.parametrize('q', [0, 1, 2])
def test_the_spread_against_brute_force(assignment, q):
    random = np.random.default_rng(q)
    shape = assignment.holders.shape
    for share in (0.1, 0.6, 1.0):
        for _ in range(10):
            distances = random.random((*shape, shape[1]))
            distances += distances.transpose(0, 2, 1)
            present = random.random(shape) < share
            found = spread(distances, present, assignment.holders,
                           assignment.n_workers, q)
            assert np.array_equal(found, told_spread(
                distances, present, assignment, q), equal_nan=True)


def tampered(assignment, liars, distances, value):
    """The distances, where liars have made theirs what they like."""
    held = liars[assignment.holders]
    theirs = held[:, :, None] | held[:, None]
    return np.where(theirs, value, distances)


@pytest.mark.parametrize('assignment', ASSIGNMENTS)
@pytest.mark.parametrize('q', [1, 2])
def test_liars_can_neither_widen_nor_narrow_the_spread(assignment, q):
    """Two kinds of machines, and the most that liars can do."""
    random = np.random.default_rng(q)
    n_workers, shape = assignment.n_workers, assignment.holders.shape
    for _ in range(50):
        other = np.isin(np.arange(n_workers),
                        random.permutation(n_workers)[:n_workers // 2])
        liars = np.isin(np.arange(n_workers),
                        random.permutation(n_workers)[:q])
        apart = other[assignment.holders]
        apart = apart[:, :, None] != apart[:, None]
        noise = random.uniform(1e-7, 1e-6, (*shape, shape[1]))
        honest = np.where(apart, noise + noise.transpose(0, 2, 1), 0.0)
        for value in (0.0, 1e-4, np.inf, random.random(honest.shape) * 1e-5):
            found = spread(tampered(assignment, liars, honest, value),
                           np.ones(shape, dtype=bool), assignment.holders,
                           n_workers, q)
            assert 2e-7 <= found <= 2e-6
