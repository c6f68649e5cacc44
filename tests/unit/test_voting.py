"""Votes against counting by hand."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from aspis_mpi.detection.voting import plurality


def by_hand(row):
    """Winner and lead of one file."""
    votes = Counter(label for label in row if label >= 0).most_common()
    if not votes:
        return -1, 0
    lead = votes[0][1] - (votes[1][1] if len(votes) > 1 else 0)
    return (votes[0][0], lead) if lead else (-1, 0)


@pytest.mark.parametrize('r', range(1, 6))
def test_every_vote_of_r_replicas(r):
    labels = np.array(list(product(range(-1, r), repeat=r)))
    winner, lead = plurality(labels)
    assert list(zip(winner.tolist(), lead.tolist())) == [
        by_hand(row) for row in labels.tolist()]


def test_a_tie_has_no_winner():
    winner, lead = plurality(np.array([[0, 1, -1], [0, 1, 2], [0, 0, 1]]))
    assert winner.tolist() == [-1, -1, 0]
    assert lead.tolist() == [0, 0, 1]


def test_nobody_voted():
    winner, lead = plurality(np.full((3, 4), -1))
    assert winner.tolist() == [-1] * 3 and lead.tolist() == [0] * 3


def test_q_liars_never_outvote_an_honest_majority():
    """Equal liars, fewer than half of the replicas."""
    rng = np.random.default_rng(0)
    labels = np.zeros((500, 7), dtype=np.int16)
    for row in labels:
        row[rng.permutation(7)[:3]] = 1
    winner, lead = plurality(labels)
    assert not winner.any() and (lead == 1).all()


def test_files_are_voted_on_one_by_one():
    """A file's winner does not depend on what else is in the table."""
    rng = np.random.default_rng(1)
    labels = rng.integers(-1, 5, (200, 5))
    winner, lead = plurality(labels)
    for file in range(200):
        alone = plurality(labels[file:file + 1])
        assert (alone[0][0], alone[1][0]) == (winner[file], lead[file])


def test_a_place_where_nobody_is_changes_nothing():
    labels = np.array([[0], [-1], [0]], dtype=np.int16)
    winner, lead = plurality(labels)
    more = plurality(np.hstack([labels, np.full_like(labels, -1)]))
    assert winner.tolist() == more[0].tolist() == [0, -1, 0]
    assert lead.tolist() == more[1].tolist() == [1, 0, 1]


def test_labels_are_only_read():
    labels = np.array([[0, 1, 1]], dtype=np.int16)
    labels.setflags(write=False)
    plurality(labels)
