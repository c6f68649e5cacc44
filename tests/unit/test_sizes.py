"""Sizes of files: equal, by Zipf's law, or from a table."""

import re

import numpy as np
import pytest

from aspis_mpi.learning import sizes


def test_default_has_two_samples_a_file_where_there_are_as_many():
    assert sizes.default_batch_size(455, 1437) == 910
    assert sizes.default_batch_size(500, 1000) == 1000
    assert sizes.default_batch_size(500, 999) == 500


@pytest.mark.parametrize('total, n', [
    (15, 15), (16, 15), (30, 15), (100, 15), (6000, 15), (910, 455), (5, 1)])
def test_zipf_sizes_are_a_batch_of_falling_sizes(total, n):
    counts = sizes.zipf(total, n)
    assert counts.sum() == total and counts.min() >= 1
    assert (np.diff(counts) <= 0).all()


def test_zipf_sizes_are_the_exact_shares_but_for_rounding():
    exact = 6000 / np.arange(1, 16) / (1 / np.arange(1, 16)).sum()
    assert (np.abs(sizes.zipf(6000, 15) - exact) < 1).all()


@pytest.mark.parametrize('text, suffix', [
    ('3\n# of host b\n1\n\n2\n', 'txt'), ('3 1 2', 'txt'), ('3,1,2\n', 'csv'),
    ('3.0\n1.0\n2.0', 'csv')])
def test_a_table_has_a_row_or_a_column(tmp_path, text, suffix):
    path = tmp_path / f'sizes.{suffix}'
    path.write_text(text)
    counts = sizes.read(str(path), 3, 10)
    assert counts.tolist() == [3, 1, 2] and counts.dtype.kind == 'i'


def test_a_table_may_be_an_array(tmp_path):
    np.save(tmp_path / 'sizes.npy', np.array([4, 4], dtype=np.uint16))
    assert sizes.read(str(tmp_path / 'sizes.npy'), 2, 10).tolist() == [4, 4]


@pytest.mark.parametrize('text, message', [
    ('3\n# of host b\n0\n2\n', 'line 3 is 0; .* from 1 to the 10 .*correct'),
    ('3\n-1\n2\n', 'line 2 is -1;'),
    ('3\n2.5\n2\n', 'line 2 is 2.5; .* whole number'),
    ('3\n11\n2\n', 'line 2 is 11; .* to the 10 '),
    ('3\nnan\n2\n', 'line 2 is nan;'),
    ('3\ninf\n2\n', 'line 2 is inf;'),
    ('3 1e30 2', 'line 1, column 2 is 1e\\+30;'),
    ('3\nx\n2\n', "line 2, column 1: 'x' is no number"),
    ('3\n2\n', 'has 2 numbers, must have one for each of 3 files'),
    ('1 1\n1 1\n', r'shape \(2, 2\); it must have one row or one column'),
    ('# nothing', 'nothing but comments')])
def test_each_number_of_a_table_is_looked_at(tmp_path, text, message):
    path = tmp_path / 'sizes.txt'
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        sizes.read(str(path), 3, 10)
    assert re.match(re.escape(f'{path}: '), str(error.value))


def test_a_word_that_is_no_path_is_answered_by_the_nearest_one():
    with pytest.raises(ValueError, match="did you mean 'zipf'"):
        sizes.read('zipff', 3, 10)
