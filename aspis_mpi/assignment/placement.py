"""Workers of a design for ranks whose hosts are known.

What happens to a host happens to all its ranks: it is slow, or gone.  So the
workers of a file belong on different hosts.  Any renaming of the workers is
the same design; here the one is chosen in which the fewest workers of a file
share a host.  Nothing is drawn: the same hosts give the same placement.
"""

from itertools import combinations

import numpy as np

#: Entries of incidence matrices that are looked at for better placements.
MOST = 1 << 26


def by_hosts(assignment, hosts):
    """The worker of the design that each worker is to be.

    Parameters
    ----------
    assignment : Assignment
    hosts : array_like of int, shape (n_workers,)
        Number of the host of each worker.

    Returns
    -------
    ndarray of int64, shape (n_workers,)
        A permutation, for `Assignment.placed`.  Of the names as they are,
        hosts spread round a ring, and hosts side by side, that which crowds
        the files least: see `crowding`.  Where `least_crowd` is not reached,
        pairs are swapped for as long as that helps, within `MOST`.

    Notes
    -----
    *Consecutive windows* (`cyclic`) and *groups* of consecutive workers
    (`repetition`) get the workers of a host as far from each other round the
    ring as their number allows.  All subsets of a size (`subset`), and files
    of one worker, are the same whatever the names, which then stay.  Of other
    designs (blocks, squares, regular graphs, files) swaps find what is there.

    >>> from aspis_mpi.assignment.designs.cyclic import Cyclic
    >>> by_hosts(Cyclic(6, load=2), [0, 0, 1, 1, 2, 2]).tolist()
    [0, 3, 1, 4, 2, 5]
    """
    hosts = np.unique(hosts, return_inverse=True)[1]
    if hosts.shape != (assignment.n_workers,):
        raise ValueError(f'{hosts.size} hosts must be one for each of '
                         f'{assignment.n_workers} workers')
    candidates = (np.arange(hosts.size), _inverse(_round_the_ring(hosts)),
                  _inverse(np.argsort(hosts, kind='stable')))
    best = min(candidates, key=lambda it: crowding(assignment, hosts, it))
    least = least_crowd(assignment, hosts)
    if most_on_a_host(assignment, hosts, best) > least:
        best = _swapped(assignment, hosts, best)
    return best


def least_crowd(assignment, hosts):
    """No placement has fewer workers of one file on one host.

    As many files as its workers with the fewest have are on each host; some
    file has their mean number or more.
    """
    loads = np.sort(assignment.loads)
    return max(-(-int(loads[:n].sum()) // assignment.n_files)
               for n in np.bincount(np.unique(hosts, return_inverse=True)[1]))


def most_on_a_host(assignment, hosts, placement):
    """The largest number of workers of one file on one host."""
    return int(_on_hosts(assignment, hosts, placement).max())


def crowding(assignment, hosts, placement):
    """Files that have many workers on one host; less is better.

    Returns
    -------
    tuple of int
        How many pairs of file and host have r workers in common, how many
        r - 1, and so on down to 2.
    """
    crowds = np.bincount(_on_hosts(assignment, hosts, placement).ravel(),
                         minlength=assignment.replication + 1)
    return tuple(crowds[:1:-1].tolist())


def _on_hosts(assignment, hosts, placement):
    """Workers of each file on each host, int (f, hosts)."""
    there = hosts[:, None] == np.arange(hosts.max() + 1)
    held = assignment.incidence[:, placement].astype(np.float32)
    return (held @ there.astype(np.float32)).astype(np.int64)


def _round_the_ring(hosts):
    """Workers in an order in which those of a host are far apart."""
    count = np.bincount(hosts)
    earlier = np.array([(hosts[:worker] == host).sum()
                        for worker, host in enumerate(hosts)])
    turn = (2 * earlier + 1) / (2 * count[hosts])
    return np.lexsort((hosts, -count[hosts], turn))


def _inverse(order):
    """The place of each worker in an order."""
    return np.argsort(order, kind='stable')


def _swapped(assignment, hosts, placement):
    """A placement that no swap of two workers makes better."""
    pairs = [(a, b) for a, b in combinations(range(hosts.size), 2)
             if hosts[a] != hosts[b]]
    least = crowding(assignment, hosts, placement)
    for _ in range(MOST // (max(1, len(pairs)) * assignment.incidence.size)):
        before = least
        for a, b in pairs:
            other = placement.copy()
            other[[a, b]] = placement[[b, a]]
            crowd = crowding(assignment, hosts, other)
            if crowd < least:
                placement, least = other, crowd
        if least == before:
            break
    return placement
