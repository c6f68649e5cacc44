"""Whole files have the bits that they have in one piece."""

import numpy as np
import pytest

from aspis_mpi.assignment.splitting import split
from aspis_mpi.learning.sizes import zipf
from aspis_mpi.learning.summation import TreeSum
from aspis_mpi.schemes.wholes import Wholes, peak, steps

D, MICRO_BATCH = 20, 2
SIZES = zipf(150, 6)


def summed(vectors):
    out = np.zeros(D, dtype=np.float32)
    it = TreeSum(out, [])
    for begin in range(0, len(vectors), MICRO_BATCH):
        into = it.next()
        for vector in vectors[begin:begin + MICRO_BATCH]:
            into += vector
        it.added()
    it.close()
    return out


@pytest.fixture(params=[6, 11, 40])
def cut(request):
    return split(SIZES, MICRO_BATCH, request.param)


def gradients():
    rng = np.random.default_rng(5)
    samples = (rng.standard_normal((SIZES.sum(), D))
               * 10.0 ** rng.integers(-3, 4, (SIZES.sum(), 1)))
    return samples.astype(np.float32)


def nodes_of(cut, samples):
    ends = np.cumsum(cut.samples)
    return [summed(samples[end - count:end])
            for end, count in zip(ends, cut.samples)]


def test_nodes_add_up_to_the_bits_of_the_whole(cut):
    samples, wholes = gradients(), Wholes(cut.nodes)
    rows = nodes_of(cut, samples)
    before = [row.copy() for row in rows]
    ends = np.cumsum(SIZES)
    for _ in range(2):
        found, counts = wholes.join(rows, np.arange(len(rows)), cut.samples)
        assert counts.tolist() == SIZES.tolist()
        for row, end, size in zip(found, ends, SIZES):
            assert row.tobytes() == summed(samples[end - size:end]).tobytes()
    # What workers have sent is not written.
    assert all(np.array_equal(*pair) for pair in zip(rows, before))


def test_what_is_missing_is_not_in_a_file_and_not_in_its_samples(cut):
    samples = gradients()
    rows = nodes_of(cut, samples)
    rng = np.random.default_rng(9)
    there = np.flatnonzero(rng.random(len(rows)) < 0.6)
    found, counts = Wholes(cut.nodes).join(
        [rows[node] for node in there], there, cut.samples[there])
    files = np.array([node.file for node in cut.nodes])[there]
    assert len(found) == len(np.unique(files))
    for row, count, file in zip(found, counts, np.unique(files)):
        mine = there[files == file]
        assert count == cut.samples[mine].sum()
        exact = sum(rows[node].astype(np.float64) for node in mine)
        assert np.allclose(row, exact, rtol=1e-5, atol=1e-3)


def test_files_that_nothing_is_there_of_are_left_out(cut):
    wholes, rows = Wholes(cut.nodes), nodes_of(cut, gradients())
    last = np.flatnonzero([node.file == 5 for node in cut.nodes])
    found, counts = wholes.join([rows[node] for node in last], last,
                                cut.samples[last])
    assert len(found) == 1 and counts.tolist() == [SIZES[5]]


def test_vectors_are_used_again_and_no_more_than_are_said(cut):
    wholes, rows = Wholes(cut.nodes), nodes_of(cut, gradients())
    for _ in range(3):
        wholes.join(rows, np.arange(len(rows)), cut.samples)
        kept = len(wholes._lent) + len(wholes._spare)
        assert kept <= wholes.most_vectors


def test_a_file_in_one_piece_is_passed_on():
    cut = split(np.array([8, 8]), 1, 2)
    rows = [np.ones(D, dtype=np.float32) for _ in range(2)]
    found, _ = Wholes(cut.nodes).join(rows, np.arange(2), cut.samples)
    assert all(mine is theirs for mine, theirs in zip(found, rows))
    assert Wholes(cut.nodes).most_vectors == 0


def test_steps_add_what_belongs_together():
    todo = steps({(1, 0): 0, (0, 2): 1, (0, 3): 2, (2, 1): 3})
    assert todo == [0, 1, 2, -1, -1, 3, -1] and peak(todo) == 1
