"""Who is exposed: the closure of one test, in any order, and fast."""

import time

import numpy as np

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection.matching import doubled
from aspis_mpi.detection.rules.certified import expose
from tests.support.designs import evidence_of, strategy


def one_by_one(graph, q):
    """The same by trying everybody again after each exposure."""
    exposed = np.zeros(len(graph), dtype=bool)
    while exposed.sum() <= q:
        rest = graph & ~exposed & ~exposed[:, None]
        guilty = [worker for worker in np.flatnonzero(rest.any(axis=1))
                  if needed(rest, worker) > q - exposed.sum()]
        if not guilty:
            break
        exposed[guilty[-1]] = True
    return exposed


def needed(graph, worker):
    """How many are wrong if this worker is right."""
    others = ~graph[worker] & (np.arange(len(graph)) != worker)
    return int(graph[worker].sum()) + (
        doubled(graph[np.ix_(others, others)]) + 1) // 2


def test_exposure_is_the_closure_of_the_test_of_one_worker():
    random = np.random.default_rng(1)
    sizes = set()
    for _ in range(600):
        n = int(random.integers(4, 12))
        q = int(random.integers(1, n // 2 + 1))
        graph = np.triu(random.random((n, n)) < random.random(), 1)
        graph[q:, q:] &= random.random() < 0.3
        graph |= graph.T
        exposed, proofs = expose(graph, q)
        other = one_by_one(graph, q)
        if max(exposed.sum(), other.sum()) > q:
            assert min(exposed.sum(), other.sum()) > q
            continue
        assert np.array_equal(exposed, other)
        assert len(proofs) == exposed.sum()
        sizes.add(len(proofs))
    assert len(sizes) > 3


def test_who_was_spared_is_tried_again():
    # Worker 5 can be right until 0, 3, 7 and 8 have left.
    edges = [(0, 2), (0, 4), (0, 6), (0, 7), (1, 3), (1, 5), (1, 7), (2, 5),
             (2, 7), (3, 6), (3, 7), (3, 8), (4, 7), (4, 8), (6, 8), (7, 8)]
    graph = np.zeros((9, 9), dtype=bool)
    graph[tuple(np.transpose(edges))] = True
    exposed, proofs = expose(graph | graph.T, 5)
    assert np.flatnonzero(exposed).tolist() == [0, 3, 5, 7, 8]
    assert proofs[-1][0] == 5


def test_order_of_exposure_does_not_matter():
    random = np.random.default_rng(4)
    assignment = Subset(9, replication=3)
    for _ in range(100):
        _, story = strategy(assignment, 4, random)
        graph = evidence_of(assignment, story).disagreements
        exposed, _ = expose(graph, 4)
        names = random.permutation(9)
        again, _ = expose(graph[np.ix_(names, names)], 4)
        assert np.array_equal(exposed[names], again)


def test_exposing_one_exposes_another():
    # 0 has three partners, which q = 2 cannot cover; then 1 has one too
    # many of two for the one liar that is left.
    graph = np.zeros((7, 7), dtype=bool)
    graph[0, [2, 3, 4]] = graph[1, [2, 5]] = True
    exposed, proofs = expose(graph | graph.T, 2)
    assert np.flatnonzero(exposed).tolist() == [0, 1]
    assert 'worker 0 disagrees with 3 workers' in proofs[0][1]
    assert 'more than 1' in proofs[1][1]


def test_exposing_liars_one_after_the_other_is_fast():
    # Each liar has few partners more than the liars that are left.
    random = np.random.default_rng(6)
    graph = np.zeros((201, 201), dtype=bool)
    for liar in range(100):
        partners = max(1, 100 - liar + int(random.integers(-2, 3)))
        chosen = random.permutation(np.arange(100, 201))[:partners]
        graph[liar, chosen] = graph[chosen, liar] = True
    start = time.process_time()
    exposed, _ = expose(graph, 100)
    assert time.process_time() - start < 1
    assert exposed.sum() > 90 and not exposed[100:].any()
