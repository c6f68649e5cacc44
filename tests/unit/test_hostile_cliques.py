"""The search of `clique` against brute force, and against hostile graphs."""

import time
from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from aspis_mpi.assignment.designs.subset import Subset
from aspis_mpi.detection import covers
from aspis_mpi.detection.covers import unique_cover
from aspis_mpi.detection.evidence import Evidence
from aspis_mpi.detection.rules.clique import Clique

#: Subgraphs of one hostile graph that are visited at most, of which these
#: take 1602, and a search that bounds nothing 2^49.
VISITED = 4000


def random_graph(random, n, density):
    graph = np.triu(random.random((n, n)) < density, 1)
    return graph | graph.T


def by_listing(graph, budget):
    """The published search: list the maximal cliques of agreement."""
    agreement = nx.complement(nx.from_numpy_array(graph))
    cliques = list(nx.find_cliques(agreement))
    largest = max(map(len, cliques))
    first, *more = [c for c in cliques if len(c) == largest]
    if more or len(graph) - largest > budget:
        return None
    return ~np.isin(np.arange(len(graph)), first)


def test_search_finds_what_listing_all_cliques_finds():
    random = np.random.default_rng(1)
    answers = set()
    for _ in range(400):
        n = int(random.integers(1, 13))
        graph = random_graph(random, n, random.random() ** 2)
        budget = int(random.integers(0, n + 1))
        found, listed = (unique_cover(graph, budget),
                         by_listing(graph, budget))
        assert (found is None) == (listed is None)
        assert found is None or np.array_equal(found, listed)
        answers.add(found is None)
    assert answers == {True, False}


def test_a_cover_that_is_found_is_the_only_smallest_one():
    random = np.random.default_rng(2)
    for _ in range(60):
        graph = random_graph(random, 9, 0.25)
        cover = unique_cover(graph, 9)
        if cover is None:
            continue
        edges = np.argwhere(graph)
        size = int(cover.sum())
        smallest = [set(c) for k in range(size + 1)
                    for c in combinations(range(9), k)
                    if np.isin(edges, c).any(axis=1).all()]
        assert smallest == [set(np.flatnonzero(cover))]


def pairs(n, q, random):
    """A matching of q pairs: 2^q largest cliques."""
    graph = np.zeros((n, n), dtype=bool)
    graph[np.arange(0, 2 * q, 2), np.arange(1, 2 * q, 2)] = True
    return graph | graph.T


def pairs_that_agree(n, q, random):
    """Complete multipartite on 2q workers, in pairs."""
    graph = np.zeros((n, n), dtype=bool)
    part = np.arange(2 * q) // 2
    graph[:2 * q, :2 * q] = part[:, None] != part
    return graph


def multipartite(n, q, random):
    """Complete multipartite in three parts, q in all but the largest."""
    part = np.searchsorted([q // 2, q], np.arange(n), side='right')
    return part[:, None] != part


def dense(n, q, random):
    """Everybody with everybody else, as chance will have it."""
    return random_graph(random, n, 0.5)


def liars(n, q, random):
    """q workers that disagree with half of all the others."""
    graph = random_graph(random, n, 0.5)
    graph[q:, q:] = False
    return graph


def quarrel(n, q, random):
    """Liars that disagree among each other and with few honest workers."""
    graph = random_graph(random, n, 0.05)
    graph[:q, :q] = random_graph(random, q, 0.7)
    graph[q:, q:] = False
    return graph


def sparse(n, q, random):
    """Five random partners for each of some 4q/3 workers."""
    m = max(6, q * 4 // 3 // 2 * 2)
    graph = np.zeros((n, n), dtype=bool)
    graph[:m, :m] = nx.to_numpy_array(nx.random_regular_graph(5, m, 1)) > 0
    return graph


HOSTILE = (pairs, pairs_that_agree, multipartite, dense, liars, quarrel,
           sparse)


@pytest.mark.parametrize('n', [15, 51, 99])
@pytest.mark.parametrize('hostile', HOSTILE)
def test_hostile_graphs_take_bounded_time(hostile, n, monkeypatch):
    """Counted in subgraphs, not in seconds, which are a machine's."""
    q = (n - 1) // 2
    graph = hostile(n, q, np.random.default_rng(n))
    visit, visits = covers._Search._branch, []

    def noted(*search):
        visits.append(search)
        return visit(*search)
    monkeypatch.setattr(covers._Search, '_branch', noted)
    cover = unique_cover(graph, q)
    assert len(visits) <= VISITED
    if cover is not None:
        assert cover.sum() <= q and not graph[np.ix_(~cover, ~cover)].any()
    if n == 15:
        listed = by_listing(graph, q)
        assert (cover is None) == (listed is None)


def test_a_search_that_is_too_long_flags_nobody(monkeypatch):
    graph = liars(15, 7, np.random.default_rng(15))
    assert unique_cover(graph, 7) is not None
    monkeypatch.setattr(covers, 'MOST_NODES', 3)
    assert unique_cover(graph, 7) is None


def test_rule_decides_about_pairs_of_workers_that_disagree():
    # Ten pairs, in each of which one lies where nobody else replies.
    assignment = Subset(21, replication=3)
    holders = assignment.holders
    labels = np.zeros(holders.shape, dtype=np.int16)
    mates = holders[:, 1:] == holders[:, :1] + 1
    alone = mates.any(axis=1) & (holders[:, 0] % 2 == 0)
    labels[alone] = np.where(mates[alone].argmax(axis=1)[:, None] == 0,
                             (0, 1, -1), (0, -1, 1))
    evidence = Evidence(holders, labels, np.ones(labels.shape, bool), 21)
    assert (evidence.disagreements.sum(axis=1)[:20] == 1).all()
    start = time.process_time()
    verdict = Clique(10).decide(evidence)
    assert time.process_time() - start < 1
    assert not verdict.flagged.any() and not verdict.contradiction
