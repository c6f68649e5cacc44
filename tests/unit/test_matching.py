"""The bound for wrong workers against brute force and other algorithms."""

import time
from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from aspis_mpi.detection.matching import (
    PRIME, _inverse, _product, doubled, doubled_cover, doubled_without)


def random_graph(random, n, density):
    graph = np.triu(random.random((n, n)) < density, 1)
    return graph | graph.T


def graphs(seed, count, most):
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield random_graph(random, int(random.integers(1, most + 1)),
                           random.random())


def smallest_cover(graph):
    """tau by trying all sets."""
    edges = np.argwhere(np.triu(graph))
    for size in range(len(graph) + 1):
        for chosen in combinations(range(len(graph)), size):
            if np.isin(edges, chosen).any(axis=1).all():
                return size
    return None


def test_bound_lies_between_matching_and_smallest_cover():
    stronger = 0
    for graph in graphs(1, 150, 8):
        nu = len(nx.max_weight_matching(nx.from_numpy_array(graph), True))
        bound = (doubled(graph) + 1) // 2
        assert nu <= bound <= smallest_cover(graph)
        stronger += bound > nu
    assert stronger


def test_fractional_cover_is_one_and_as_small_as_the_matching():
    for graph in graphs(2, 200, 14):
        cover = doubled_cover(graph)
        assert cover.sum() == doubled(graph)
        assert set(cover) <= {0, 1, 2}
        assert (np.add.outer(cover, cover)[graph] >= 2).all()


def test_taking_sets_out_of_a_graph_one_by_one():
    random = np.random.default_rng(3)
    for graph in graphs(4, 150, 10):
        n = len(graph)
        width = int(random.integers(1, min(n, 4) + 1))
        sets = [chosen + (-1,) * (width - size) for size in range(width + 1)
                for chosen in combinations(range(n), size)]
        found = doubled_without(graph, np.array(sets))
        for chosen, size in zip(sets, found):
            rest = np.setdiff1d(np.arange(n), chosen)
            assert size == doubled(graph[np.ix_(rest, rest)])


@pytest.mark.parametrize('density', [0.008, 0.02, 0.5])
def test_large_graphs(density):
    random = np.random.default_rng(5)
    graph = random_graph(random, 201, density)
    sets = np.array([random.permutation(201)[:3] for _ in range(40)])
    for chosen, size in zip(sets, doubled_without(graph, sets)):
        rest = np.setdiff1d(np.arange(201), chosen)
        assert size == doubled(graph[np.ix_(rest, rest)])


def test_order_of_the_padding_and_of_the_workers_does_not_matter():
    graph = random_graph(np.random.default_rng(6), 12, 0.2)
    sets = np.array([[3, 5, -1], [-1, 3, 5], [5, -1, 3]])
    assert len(set(doubled_without(graph, sets))) == 1
    assert doubled_without(graph, np.array([[-1]])) == doubled(graph)


def test_arithmetic_modulo_the_prime_does_not_overflow():
    random = np.random.default_rng(7)
    a = random.integers(0, PRIME, (60, 60))
    a[:3] = PRIME - 1
    b = random.integers(0, PRIME, (60, 5))
    exact = (a.astype(object) @ b.astype(object)) % PRIME
    assert (_product(a, b) == exact).all()
    a[:3] = random.integers(0, PRIME, (3, 60))
    assert (_product(a, _inverse(a)) == np.eye(60)).all()
    assert _inverse(np.zeros((2, 2), dtype=np.int64)) is None


def test_many_sets_are_fast():
    graph = np.zeros((201, 201), dtype=bool)
    graph[np.arange(0, 200, 2), np.arange(1, 200, 2)] = True
    graph |= graph.T
    random = np.random.default_rng(8)
    sets = np.array([random.permutation(201)[:3] for _ in range(6700)])
    start = time.process_time()
    doubled_without(graph, sets)
    assert time.process_time() - start < 1
