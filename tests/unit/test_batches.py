"""Files partition a batch that every rank draws alike."""

import numpy as np
import pytest

from aspis_mpi import streams
from aspis_mpi.learning.batches import Batches


@pytest.mark.parametrize('n_samples, batch_size, n_files', [
    (1437, 910, 455), (1437, 1437, 455), (1437, 1000, 455), (20, 20, 20),
    (20, 7, 3), (1, 1, 1)])
def test_files_partition_the_batch(n_samples, batch_size, n_files):
    batches = Batches(7, n_samples, batch_size, n_files)
    files = [batches.samples(3, file) for file in range(n_files)]
    together = np.concatenate(files)
    assert np.array_equal(together, batches.batch(3))
    assert np.unique(together).size == batch_size
    assert together.min() >= 0 and together.max() < n_samples
    assert [file.size for file in files] == batches.counts.tolist()
    assert batches.counts.sum() == batch_size
    assert np.ptp(batches.counts) <= 1


def test_slices_are_those_of_array_split():
    batches = Batches(7, 100, 50, 7)
    for file, part in enumerate(np.array_split(batches.batch(2), 7)):
        assert np.array_equal(batches.samples(2, file), part)


def test_files_are_slices_of_the_sizes_that_are_given():
    counts = np.array([1, 5, 3])
    batches = Batches(7, 100, 9, 3, counts)
    files = [batches.samples(2, file) for file in range(3)]
    assert [file.size for file in files] == [1, 5, 3]
    assert np.array_equal(np.concatenate(files), batches.batch(2))
    assert np.array_equal(batches.batch(2), Batches(7, 100, 9, 3).batch(2))


def test_a_file_costs_what_it_has_of_the_samples_of_a_usual_one():
    assert Batches(7, 100, 9, 3).costs is None
    batches = Batches(7, 100, 9, 3, np.array([1, 5, 3]), 2.0)
    assert batches.costs.tolist() == [0.5, 2.5, 1.5]


def test_uneven_files_are_of_a_kind_where_micro_batches_are_alike():
    batches = Batches(7, 100, 30, 6, np.array([3, 4, 8, 7, 2, 6]), 5.0)
    kinds = batches.kinds(4)
    # 4 and 4 + 4; 4 + 3; 4 + 2; 3; 2.
    assert kinds.tolist() == [3, 4, 4, 7, 2, 6]
    even = Batches(7, 100, 9, 4)
    assert even.kinds(2).tolist() == even.counts.tolist() == [3, 2, 2, 2]


def test_ranks_draw_the_same_whatever_steps_they_saw_before():
    one, other = Batches(7, 500, 60, 9), Batches(7, 500, 60, 9)
    for step in (0, 1, 2):
        one.batch(step)
    for step in (2, 0, np.int64(2)):
        assert np.array_equal(one.samples(step, 4), other.samples(step, 4))


def test_the_next_step_is_drawn_beside_this_one(monkeypatch):
    """Going to and fro between two steps of two generators costs nothing."""
    batches, drawn = Batches(7, 500, 60, 9), []
    last = batches._rows - 1
    wanted = [batches.batch(step).tobytes() for step in (last, last + 1)]
    make = streams.generator
    monkeypatch.setattr(streams, 'generator', lambda *name: (
        drawn.append(name), make(*name))[1])
    for _ in range(3):
        assert [batches.batch(step).tobytes()
                for step in (last, last + 1)] == wanted
    assert not drawn
    assert batches.batch(last - 1).tobytes() == (
        Batches(7, 500, 60, 9).batch(last - 1).tobytes()) and drawn


def test_steps_and_seeds_draw_different_batches():
    batches, other = Batches(7, 500, 60, 9), Batches(8, 500, 60, 9)
    assert not np.array_equal(batches.batch(0), other.batch(0))
    first = batches.batch(0).copy()
    assert not np.array_equal(first, batches.batch(1))


def test_every_sample_is_drawn_equally_often():
    batches = Batches(7, 10, 5, 5)
    drawn = np.concatenate([batches.batch(step) for step in range(2000)])
    # 2000 fair draws of one half: 6 standard deviations are 134.
    assert np.abs(np.bincount(drawn, minlength=10) - 1000).max() < 134


def test_a_batch_cannot_be_written():
    with pytest.raises(ValueError):
        Batches(7, 10, 5, 5).samples(0, 1)[0] = 3


@pytest.mark.parametrize('sizes, message', [
    ((100, 100, 101), '101 files .* training samples, 100'),
    ((100, 100, 0), '0 files must be at least 1'),
    ((100, 9, 10), 'batch_size 9 .* files, 10'),
    ((100, 101, 10), 'batch_size 101 .* training samples, 100')])
def test_impossible_sizes_are_named(sizes, message):
    with pytest.raises(ValueError, match=message):
        Batches(7, *sizes)
