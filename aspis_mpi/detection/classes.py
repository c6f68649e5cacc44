"""Classes of replicas that support each other, by their distances."""

import numpy as np


def sort(distances, present, equality):
    """Classes of the replicas of each file by their distances.

    The replica with the most support begins a class, which everybody joins
    that is within its tolerance; then, of those left, the one that these
    support most.  Support is a star, never a chain.

    Parameters
    ----------
    distances : ndarray of float64, shape (n, r, r)
        Of all pairs of replicas of n files, symmetric; 0 for two that are
        not finite, infinite for one that is and one that is not.  Entries of
        replicas that are not present do not matter.
    present : ndarray of bool, shape (n, r)
    equality : Equality
        Its thresholds; `of_sketches` for distances of sketches.

    Returns
    -------
    labels : ndarray of int16, shape (n, r)
        Number of the class within the file, -1 where no replica is.
    close : ndarray of bool, shape (n, r, r)
        Pairs in different classes that do not disagree.
    margin : ndarray of float64, shape (2,)
        Largest distance of a replica to the one that began its class, and
        smallest of two that disagree; NaN where there are none.
    support : ndarray of float64, shape (n, r)
        Of each replica when its class was begun, its own included: the
        largest of a class is that of its middle.

    Notes
    -----
    A supporter at distance x counts 1 - x / tolerance; with ties the lowest
    place begins.  Whoever is x away from h replicas that are equal has x h /
    tolerance less of their support, and of each other one at most x /
    tolerance more: where more replicas are right than wrong, a right one
    begins the class, wherever the wrong ones are.  (Would each supporter
    count 1, two liars on either side of the right value could make a third
    one the middle.)

    Time is O(n r^2) for each class of the file that has most of them.
    """
    pairs = present[:, :, None] & present[:, None]
    near = pairs & (distances <= equality.tolerance)
    weights = np.where(near, 1 - np.minimum(distances, equality.tolerance)
                       / (equality.tolerance or 1.0), 0.0)
    labels = np.full(present.shape, -1, dtype=np.int16)
    support = np.zeros(present.shape)
    rows, free, widest, label = np.arange(len(present)), present, -np.inf, -1
    for label in range(present.shape[1]):
        of = np.einsum('nij,nj->ni', weights, free)
        middle = np.where(free, of, -1.0).argmax(axis=1)
        joins = free & near[np.arange(rows.size), middle]
        which, places = np.nonzero(joins)
        labels[rows[which], places] = label
        support[rows[which], places] = of[which, places]
        # The middle itself is 0 away.
        widest = distances[rows[which], middle[which], places][
            places != middle[which]].max(initial=widest)
        left = (free & ~joins).any(axis=1)
        rows, free = rows[left], (free & ~joins)[left]
        near, weights = near[left], weights[left]
        if not rows.size:
            break

    margin = np.array([widest if widest >= 0 else np.nan, np.nan])
    if label < 1:
        return labels, np.zeros_like(pairs), margin, support
    differ = pairs & (labels[:, :, None] != labels[:, None])
    close = differ & (distances <= equality.disagreement)
    if (differ & ~close).any():
        margin[1] = distances[differ & ~close].min()
    return labels, close, margin, support
