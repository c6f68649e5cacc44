"""Graphs whose indices have the width of numpy's own."""

import numpy as np
import pytest
from scipy.sparse import csgraph, csr_array

from aspis_mpi.assignment import graphs
from aspis_mpi.assignment.designs import random_regular
from aspis_mpi.assignment.designs.cyclic import Cyclic
from aspis_mpi.assignment.designs.random_regular import RandomRegular
from aspis_mpi.assignment.ordering import peel
from aspis_mpi.assignment.pacing import by_speed
from aspis_mpi.detection import matching

ALGORITHMS = ('maximum_bipartite_matching', 'connected_components',
              'maximum_flow')


def wide(matrix, data=np.int8):
    """A graph as `csr_array` makes it of what `nonzero` answers."""
    rows, columns = np.nonzero(matrix)
    graph = csr_array((np.asarray(matrix)[rows, columns].astype(data),
                       (rows, columns)), shape=np.shape(matrix))
    assert graph.indices.dtype == graph.indptr.dtype == np.int64
    return graph


@pytest.fixture
def widths(monkeypatch):
    """Widths of the indices that scipy's algorithms are handed."""
    seen = []

    def spy(name):
        def watched(graph, *arguments, **options):
            seen.append((name, graph.indices.dtype, graph.indptr.dtype))
            return algorithm(graph, *arguments, **options)
        algorithm = getattr(csgraph, name)
        monkeypatch.setattr(csgraph, name, watched)
    for name in ALGORITHMS:
        spy(name)
    return seen


def test_a_matching_of_wide_indices():
    assert graphs.matching(wide(np.eye(4)[::-1])).tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize('edges, whole', [
    ([(0, 1), (2, 1), (2, 3)], True), ([(0, 1), (2, 3)], False)])
def test_connection_of_wide_indices(edges, whole):
    matrix = np.zeros((4, 4), dtype=bool)
    matrix[tuple(zip(*edges))] = True
    assert graphs.is_connected(wide(matrix)) is whole


def test_a_flow_of_wide_indices():
    capacities = [[0, 2, 3, 0], [0, 0, 0, 9], [0, 0, 0, 1], [0, 0, 0, 0]]
    value, flow = graphs.flow(wide(capacities, np.int32))
    assert value == 3
    assert [flow[0, 1], flow[0, 2], flow[1, 3], flow[2, 3]] == [2, 1, 2, 1]


def test_no_algorithm_sees_wide_indices(widths):
    """Whichever part asks; scipy before 1.15 computes with 32 bits only."""
    peel(RandomRegular(9, load=4).incidence)
    by_speed(Cyclic(9, load=4), np.arange(1.0, 10.0))
    matching.doubled(~np.eye(5, dtype=bool))
    assert {name for name, *_ in widths} == set(ALGORITHMS)
    assert {width for _, *pair in widths for width in pair} == {
        np.dtype(np.int32)}


def test_a_random_design_is_not_drawn_for_ever(monkeypatch):
    """Not even where nothing ever hangs together."""
    monkeypatch.setattr(random_regular, '_is_connected', lambda _: False)
    with pytest.raises(ValueError, match='another assignment.seed'):
        RandomRegular(8, load=3)


def test_random_matrices_are_not_drawn_for_ever(monkeypatch):
    """Not even for what is no matching."""
    graph = np.zeros((4, 4), dtype=bool)
    graph[0, 1] = graph[1, 0] = True
    monkeypatch.setattr(matching, 'partners', lambda _: np.arange(4))
    with pytest.raises(ArithmeticError, match='another version'):
        matching.doubled_without(graph, np.array([[0]]))
