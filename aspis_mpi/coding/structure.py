"""Circles and groups: the forms of an assignment that classical codes need."""

import numpy as np


def cyclic_starts(assignment):
    """The first holder of each file of a cyclic assignment.

    Parameters
    ----------
    assignment : Assignment

    Returns
    -------
    ndarray of int, shape (f,), or None
        A permutation of the workers: file i is held by the `load` workers
        starts[i], starts[i] + 1, ... modulo K.  None if the assignment is
        not of that form.  The numbers of the files do not matter.
    """
    held = assignment.incidence
    n_files, n_workers = held.shape
    sizes = held.sum(axis=1)
    if n_files != n_workers or (sizes != sizes[0]).any():
        return None
    if sizes[0] == n_workers:
        return np.arange(n_files)
    # A holder whose predecessor is none begins an interval.
    begins = held & ~np.roll(held, 1, axis=1)
    starts = begins.argmax(axis=1)
    if (begins.sum(axis=1) > 1).any() or np.unique(starts).size < n_files:
        return None
    return starts


def group_leads(assignment):
    """The lowest worker of each worker's group, if there are groups.

    Parameters
    ----------
    assignment : Assignment

    Returns
    -------
    ndarray of int, shape (K,), or None
        Workers of one group hold the same files and no file of another
        group; a worker without files has -1.  None if some pair of workers
        shares files but not all.
    """
    held, first = assignment.incidence, assignment.holders[:, 0]
    leads = np.where(assignment.loads > 0, first[held.argmax(axis=0)], -1)
    blocks = leads[first][:, None] == leads
    return leads if np.array_equal(held, blocks) else None
