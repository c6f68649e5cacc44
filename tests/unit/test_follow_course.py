"""Curves of a run: bounded memory, true means, characters by height."""

import numpy as np
import pytest

from aspis_mpi.following.course import MOST, Course
from aspis_mpi.following.drawing import ASCII, BLOCKS, bar, curve


def in_pieces(values, rng):
    """A course that was told numbers a few at a time."""
    course, rest = Course(), values
    while len(rest):
        n = int(rng.integers(1, 400))
        course.extend(rest[:n])
        rest = rest[n:]
    return course


@pytest.mark.parametrize('n', [1, 7, MOST, MOST + 1, 5 * MOST + 3, 100_000])
def test_columns_are_means_of_what_they_stand_for(n):
    rng = np.random.default_rng(n)
    values = rng.random(n)
    values[rng.random(n) < 0.2] = np.nan
    course = in_pieces(values, rng)
    assert course.n == n
    np.testing.assert_equal(course.last, values[-1])
    np.testing.assert_equal(
        [course.least, course.most],
        [np.fmin.reduce(values), np.fmax.reduce(values)])
    # As many columns as it has spans: a power of two of numbers each.
    span = 1
    while MOST * span < n:
        span *= 2
    spans = [values[i:i + span] for i in range(0, n, span)]
    expected = [np.nanmean(it) if not np.isnan(it).all() else np.nan
                for it in spans]
    np.testing.assert_allclose(course.columns(len(spans)), expected)


def test_a_narrow_curve_weighs_all_numbers_alike():
    rng = np.random.default_rng(3)
    values = rng.random(4 * MOST)
    course = in_pieces(values, rng)
    np.testing.assert_allclose(
        course.columns(8), values.reshape(8, -1).mean(axis=1))


def test_few_numbers_fill_the_width():
    course = Course()
    course.extend(np.array([1.0, 2.0]))
    assert course.columns(6).tolist() == [1, 1, 1, 2, 2, 2]
    assert np.isnan(Course().columns(3)).all()


def test_infinity_counts_in_no_mean_and_is_no_extreme():
    course = Course()
    course.extend(np.array([1.0, np.inf, 3.0]))
    assert (course.least, course.most) == (1, 3)
    assert np.isnan(course.columns(3)[1])


@pytest.mark.parametrize('glyphs', [BLOCKS, ASCII])
@pytest.mark.parametrize('height', [1, 2, 3])
def test_heights_rise_with_the_numbers(glyphs, height):
    lines = curve(np.linspace(0, 1, 40), height, glyphs)
    assert len(lines) == height
    levels = [sum(glyphs.levels.index(line[i]) for line in lines)
              for i in range(40)]
    assert levels == sorted(levels)
    # From the least that can be seen to all of it.
    assert levels[0] == 1 and levels[-1] == 8 * height


def test_what_is_no_number_is_seen_as_that():
    top, bottom = curve(np.array([1.0, np.nan, 2.0]), 2)
    assert (top, bottom) == ('  █', '▁×█')
    assert curve(np.full(3, np.nan)) == ['×××']


def test_on_a_logarithmic_scale_equal_ratios_are_equal_heights():
    line, = curve(np.array([1.0, 10.0, 100.0, 1000.0]), logarithmic=True)
    levels = [BLOCKS.levels.index(c) for c in line]
    steps = np.diff(levels)
    assert levels[0] == 1 and levels[-1] == 8
    assert steps.max() - steps.min() <= 1


def test_only_what_is_done_has_a_full_bar():
    assert bar(1.0, 10) == '█' * 10
    assert bar(0.9999, 10) == '█' * 9 + '░'
    assert bar(0.0, 3) == '░░░' and bar(0.5, 0) == ''
