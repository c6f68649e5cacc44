"""The matrix R of least-squares codes: one column for each worker.

A file is decoded from the columns of those who finished it, so any `copies`
columns of workers that share a file should be far from dependent.
"""

import numpy as np

from aspis_mpi import streams
from aspis_mpi.coding.structure import cyclic_starts

#: Greedy colourings to choose from, all of them deterministic.
STRATEGIES = ('largest_first', 'smallest_last')


def gaussian(n_workers, copies, seed):
    """R with independent standard normal entries, float64 (copies, K).

    As published; the worst pair of 200 columns has a condition number of
    10^3 to 10^4.
    """
    rng = streams.generator(seed, 'gaussian code')
    return rng.standard_normal((copies, n_workers))


def structured(assignment, copies):
    """R that gives workers who share a file directions far apart.

    Parameters
    ----------
    assignment : Assignment
    copies : int

    Returns
    -------
    ndarray of float64, shape (copies, K)
        Columns of equal norm.

    Notes
    -----
    Workers are coloured so that two that share a file differ, and colours
    are spread over the half circle.  For two copies the worst condition
    number of a pair is cot(pi / (2 colours)): 5.0 for 8 colours.
    """
    colour = colours(assignment)
    return harmonic(int(colour.max()) + 1, copies)[:, colour]


def colours(assignment):
    """A colour for each worker; workers that share a file differ.

    Returns
    -------
    ndarray of int, shape (K,)
        Colours 0, 1, ...  For a cyclic assignment the fewest possible,
        ceil(K / floor(K / load)), which is `load` where it divides K; for
        others the fewest that some greedy colourings of the conflict graph
        find.
    """
    import networkx as nx
    from scipy.sparse import csr_array
    n_workers, load = assignment.n_workers, assignment.load
    if cyclic_starts(assignment) is not None:
        # Runs of at least `load` workers, each with the colours 0, 1, ...
        runs = np.array_split(np.arange(n_workers), n_workers // load)
        return np.concatenate([run - run[0] for run in runs])
    held = csr_array(assignment.incidence.astype(np.int32))
    conflicts = nx.from_scipy_sparse_array(held.T @ held)
    conflicts.remove_edges_from(list(nx.selfloop_edges(conflicts)))
    best = min((nx.greedy_color(conflicts, strategy)
                for strategy in STRATEGIES), key=lambda c: max(c.values()))
    return np.array([best[j] for j in range(n_workers)])


def harmonic(n, copies):
    """n vectors of R^copies, any `copies` of them independent.

    Parameters
    ----------
    n, copies : int

    Returns
    -------
    ndarray of float64, shape (copies, n)
        Column c holds cos(k a), sin(k a) with a = pi c/n, for k = 1, 3, ...
        if `copies` is even; for k = 2, 4, ... and the constant sqrt(1/2) if
        it is odd.

    Notes
    -----
    These functions of a are a Haar system on the half circle: no
    combination of them has `copies` zeros there.  The worst condition
    number belongs to neighbours: 5.0, 11.9, 15.3 for 2, 3, 4 copies of 8
    vectors, where the best of 60 draws of Gaussian columns of unit norm has
    9, 54, 63.
    """
    angles = np.pi * np.arange(n) / n
    rows = [np.full(n, np.sqrt(0.5))] if copies % 2 else []
    for k in range(1 + copies % 2, copies, 2):
        rows += [np.cos(k * angles), np.sin(k * angles)]
    return np.array(rows)
