"""Inner products of rows, tile by tile, and centres that follow from them."""

import numpy as np
import pytest

from aspis_mpi.aggregation.aggregators.centered_clipping import pulled
from aspis_mpi.aggregation.products import (
    FEW, TILE, differences, inner, squares)
from tests.support import plain_aggregation as plain
from tests.support.robust_cases import RULES, applied, drawn, means_of

#: Rows and columns: less than a tile, just one, some and a rest, many rows.
SHAPES = [(1, 5), (2, TILE - 1), (25, TILE), (25, 3 * TILE + 17),
          (FEW, 2 * TILE), (FEW + 1, 2 * TILE + 5), (90, 1000)]


def seen(rows, counts, point):
    room = np.full(np.shape(rows), np.nan, dtype=np.float32)
    # As in blocks: what overflows is taken again.
    with np.errstate(over='ignore'):
        return inner(differences(rows, counts, point, room))


@pytest.mark.parametrize('n, d', SHAPES)
def test_products_are_those_of_the_means_less_the_point(n, d):
    rows, counts = drawn(n, d)
    point = np.random.default_rng(1).standard_normal(d, np.float32)
    off = means_of(rows, counts) - point
    found = seen(rows, counts, point)
    lengths = np.linalg.norm(off, axis=1)
    assert (np.abs(found - off @ off.T) <= 1e-5 * np.outer(lengths,
                                                           lengths)).all()
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize('n, d', SHAPES)
@pytest.mark.parametrize('scale', [1e-30, 1e30])
def test_products_that_no_float32_holds_are_taken_in_float64(n, d, scale):
    rows, counts = drawn(n, d)
    rows[0] = rows[0] * np.float32(scale)
    point = np.zeros(d, dtype=np.float32)
    exact = means_of(rows, counts)
    np.testing.assert_allclose(np.diagonal(seen(rows, counts, point)),
                               np.square(exact).sum(axis=1), rtol=1e-5)


def test_squares_of_rows_and_of_lists_of_them():
    rows = np.array([[3, 4], [3e30, 4e30], [3e-30, 4e-30], [0, 0]],
                    dtype=np.float32)
    for some in (rows, list(rows)):
        with np.errstate(over='ignore'):
            found = squares(some)
        np.testing.assert_allclose(found, [25, 25e60, 25e-60, 0], rtol=1e-6)


@pytest.mark.parametrize('radius', [0.0, 0.5, 3.0, 40.0])
@pytest.mark.parametrize('iterations', [1, 3, 30])
@pytest.mark.parametrize('offset', [0.0, 1e4])
def test_a_centre_is_where_as_many_passes_would_bring_it(radius, iterations,
                                                         offset):
    """In float64 beside the rule's, 1e-5 of how far the rows are apart."""
    rng = np.random.default_rng(3)
    rows = (rng.standard_normal((13, 60)) * rng.exponential(3, (13, 1))
            + offset).astype(np.float32)
    # The median as float32 has it, and the paper's iteration from there.
    centre = np.median(rows, axis=0).astype(float)
    for _ in range(iterations):
        away = np.linalg.norm(rows - centre, axis=1)
        reach = radius or np.median(away)
        shares = np.minimum(1, reach / np.maximum(away, 1e-30))
        centre = centre + (shares[:, None] * (rows - centre)).mean(axis=0)
    rule = RULES['centered-clipping'](13, 1, 3, radius=radius,
                                      iterations=iterations)
    found = applied(rule, rows)
    spread = np.linalg.norm(rows - rows.mean(axis=0), axis=1).max()
    slack = 1e-5 * spread + 2e-7 * offset
    assert np.abs(found - centre).max() <= slack


def test_a_centre_that_comes_close_to_a_row_is_looked_at_from_there():
    """On a line the rows' distances from the first centre say too little."""
    rows = np.array([[0.0], [0], [0], [1], [333.5], [1000], [1000]])
    off = rows - 1.0
    weights, done = pulled(off @ off.T, 5000.0, 50)
    assert done == 1
    np.testing.assert_allclose(weights, 1 / 7)
    rule = RULES['centered-clipping'](7, 1, 3, radius=5000.0, iterations=50)
    expected = plain.centered_clipping(rows, 3, 5000.0, 50)
    np.testing.assert_allclose(applied(rule, rows), expected, rtol=1e-6)


def test_a_majority_at_the_centre_keeps_it_there():
    rows = [np.full(9, 2, np.float32)] * 3 + [np.full(9, 7, np.float32)] * 2
    rule = RULES['centered-clipping'](5, 1, 2)
    assert applied(rule, rows).tolist() == [2.0] * 9
