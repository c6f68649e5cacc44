"""Difference of honest workers in a step, whatever liars send."""

import numpy as np


def spread(distances, present, holders, n_workers, q):
    """Difference of honest workers, as all but q of them show it.

    Of each worker, the largest distance to each other one; of these the
    largest but q; of all workers that again, the largest but q.

    Parameters
    ----------
    distances : ndarray of float64, shape (n, r, r)
        As for `classes.sort`.
    present : ndarray of bool, shape (n, r)
    holders : ndarray of int, shape (n, r)
    n_workers, q : int

    Returns
    -------
    float
        NaN where too few workers share files.

    Notes
    -----
    Never more than two honest workers differ by somewhere in these files,
    whatever q liars send: an honest worker has at most q partners that lie,
    and at most q workers are not honest.  Never less than what is left of
    honest differences without the 2 q largest at either stage: where each
    two workers share files, machines of a kind count that more than 2 q
    workers have, and without liars those that more than q have.
    """
    widest = np.full((n_workers, n_workers), np.nan)
    for a, b in zip(*np.triu_indices(holders.shape[1], 1)):
        both = present[:, a] & present[:, b]
        ends = holders[both, a], holders[both, b]
        np.fmax.at(widest, ends, distances[both, a, b])
    widest = np.fmax(widest, widest.T)
    return _largest_but([_largest_but(row, q) for row in widest], q)


def _largest_but(values, q):
    """The largest of the numbers without the q largest, or NaN."""
    values = np.sort(values)
    count = np.count_nonzero(~np.isnan(values))
    return float(values[count - 1 - q]) if count > q else np.nan
