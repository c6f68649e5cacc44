"""Votes between whole replicas of a file, never layer by layer."""

import numpy as np


def plurality(labels):
    """The label that strictly most replicas of each file carry.

    Parameters
    ----------
    labels : ndarray of int, shape (f, r)
        Label of each replica, below r; -1 where no replica came.

    Returns
    -------
    winner : ndarray of int, shape (f,)
        -1 where nobody voted or the most votes are tied.
    lead : ndarray of int, shape (f,)
        Votes of the winner above those of the next; 0 for a tie.

    >>> plurality(np.array([[0, 0, 1], [0, 1, 2], [1, -1, -1]]))[0].tolist()
    [0, -1, 1]
    """
    n_files, replication = labels.shape
    if replication == 1:
        here = labels[:, 0] >= 0
        return np.where(here, labels[:, 0], -1), here.astype(np.int32)
    votes = np.zeros((n_files, replication + 1), dtype=np.int32)
    for label in range(replication):
        votes[:, label] = (labels == label).sum(axis=1)
    ranked = np.sort(votes, axis=1)
    lead = ranked[:, -1] - ranked[:, -2]
    return np.where(lead > 0, votes.argmax(axis=1), -1), lead
