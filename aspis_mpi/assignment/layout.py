"""Files laid out by the speeds of workers: who is slow has fewer, or none.

The files lie round a ring; each worker has the window that follows on that of
the worker before it.  r windows cover each file, and none is longer than the
ring, so they are of r workers.  Where workers of a host follow one another, a
file has at most as many of them as their windows cover it on average, rounded
up, which no layout undercuts.
"""

import numpy as np

from aspis_mpi.assignment.base import Assignment
from aspis_mpi.assignment.pacing import by_speed
from aspis_mpi.streams import Coins, generator


def most_files(n_files, replication, n_workers):
    """Files of a worker, at most: twice the mean, and not more than all."""
    return min(n_files, -(-2 * replication * n_files // n_workers))


def shares(speeds, n_files, replication, most, least):
    """Number of files of each worker, by speeds.

    Parameters
    ----------
    speeds : ndarray of float64, shape (K,)
        v, files a second; 0 for who gets none.
    n_files, replication : int
        f and r.
    most : int
        No worker gets more, at most f.
    least : ndarray of bool, shape (K,)
        Who gets one, however slow it is.

    Returns
    -------
    ndarray of int64, shape (K,), or None
        a, of the sum r f, with the least T = max_j a_j / v_j.  None where
        there are too few workers.

    Notes
    -----
    T = min{T : sum_j min(most, floor(v_j T)) >= r f} is the (r f)-th of all
    n / v_j, n = 1 ... most, in ascending order.  What ties there has no more
    than is needed.
    """
    times = np.full((speeds.size, most), np.inf)
    fast = speeds > 0
    times[fast] = np.arange(1, most + 1) / speeds[fast, None]
    times[least & fast, 0] = 0.0
    needed = n_files * replication
    if np.isfinite(times).sum() < needed:
        return None
    first = np.argsort(times, axis=None, kind='stable')[:needed]
    return np.bincount(first // most, minlength=speeds.size)


def soonest(seconds, n_files, copies):
    """No layout has `copies` copies of every file sooner.

    Parameters
    ----------
    seconds : ndarray of float64, shape (K,)
        That each worker takes for a file.
    n_files, copies : int

    Returns
    -------
    float
        The second at which so many files are finished in all, whichever.
    """
    times = seconds[:, None] * np.arange(1, n_files + 1)
    needed = n_files * copies
    return float(np.partition(times, needed - 1, axis=None)[needed - 1])


def ring(hosts, coins):
    """An order of the workers, by chance, those of a host side by side.

    Parameters
    ----------
    hosts : sequence of int
        Number of the host of each worker.
    coins : Coins

    Returns
    -------
    list of int
    """
    names = sorted(set(hosts))
    turn = dict(zip(names, coins.permutation(len(names))))
    place = coins.permutation(len(hosts))
    return sorted(range(len(hosts)), key=lambda it: (turn[hosts[it]],
                                                     place[it]))


def windows(counts, order, n_files):
    """The files of each worker, (f, K): its window of the ring.

    Parameters
    ----------
    counts : ndarray of int, shape (K,)
        At most f each.
    order : sequence of int
        The workers round the ring.
    n_files : int
    """
    held = np.zeros((n_files, len(counts)), dtype=bool)
    start = 0
    for worker in order:
        held[np.arange(start, start + counts[worker]) % n_files, worker] = True
        start += counts[worker]
    return held


def eased(held, tried, costs):
    """Windows of the ring on which the smallest files lie where some are.

    Parameters
    ----------
    held : ndarray of bool, shape (f, K)
    tried : ndarray of bool, shape (K,)
        In whose windows they are to be.
    costs : ndarray of float64, shape (f,)

    Returns
    -------
    ndarray of bool, shape (f, K)
        As many files of each worker, of other pairs of files.
    """
    theirs = held[:, tried].any(axis=1)
    small = np.zeros_like(theirs)
    small[np.argsort(costs, kind='stable')[:np.count_nonzero(theirs)]] = True
    names = np.arange(len(costs))
    here, there = np.flatnonzero(theirs & ~small), np.flatnonzero(
        small & ~theirs)
    names[here], names[there] = there, here
    return held[names]


def completion(order, seconds, costs, copies=None):
    """Seconds until every file is there.

    Parameters
    ----------
    order : ndarray of int, shape (K, width)
        Padded with -1.
    seconds : ndarray of float64, shape (K,)
        That each worker takes for a usual file.
    costs : ndarray of float64, shape (f,)
        Time of each file over that of a usual one.
    copies : int, optional
        Of each file; all that there are by default.

    Returns
    -------
    float
        Infinite where a file has not so many workers.
    """
    workers, positions = np.nonzero(order >= 0)
    own = np.where(order >= 0, np.asarray(costs)[order], 0.0)
    times = own.cumsum(axis=1)[workers, positions] * seconds[workers]
    n_files = len(costs)
    if copies is None:
        return float(times.max(initial=0.0))
    files = order[workers, positions]
    ranked = np.lexsort((times, files))
    files, times = files[ranked], times[ranked]
    starts = np.searchsorted(files, np.arange(n_files))
    wanted = starts + copies - 1
    inside = wanted < np.searchsorted(files, np.arange(n_files), 'right')
    if not inside.all():
        return np.inf
    return float(times[wanted].max())


def laid_out(assignment, seconds, hosts, most, least, spares, coins,
             copies=None, costs=None):
    """The files of an assignment on workers of known speeds.

    Parameters
    ----------
    assignment : Assignment
        Of which each file has r workers or more at first.
    seconds : ndarray of float64, shape (K,)
        That each worker takes for a file; infinite for who takes no part.
    hosts : sequence of int
        Number of the host of each worker.
    most : int
        Files of a worker, at most.
    least : ndarray of bool, shape (K,)
        Who gets a file, however slow it is.
    spares : ndarray of bool, shape (K,)
        Who gets, where it has none, one that r others have as well.
    coins : Coins
    copies : int, optional
        Of each file, which are to come soonest: see `by_speed`.
    costs : ndarray of float64, shape (f,), optional
        Of each file, where they are not alike: then who gets one however
        slow it is gets a small one.

    Returns
    -------
    Assignment or None
        None where there are too few workers.
    """
    n_files, r = assignment.n_files, assignment.least_copies
    with np.errstate(divide='ignore'):
        speeds = 1 / seconds
    counts = shares(speeds, n_files, r, most, least)
    if counts is None:
        return None
    held = windows(counts, ring(hosts, coins), n_files)
    if costs is not None:
        held = eased(held, least & (counts == 1), costs)
    for worker in np.flatnonzero(spares & (counts == 0)).tolist():
        held[coins.below(n_files), worker] = True
    layout = Assignment(held)
    if copies is None:
        return layout
    return layout.reordered(by_speed(layout, seconds, copies))


def of_order(order, assignment):
    """The files of an assignment, laid out so that this is their order.

    Parameters
    ----------
    order : ndarray of int32, shape (K, width)
        Padded with -1 at the end.
    assignment : Assignment
    """
    order = assignment.order_of_units(order)
    held = np.zeros_like(assignment.by_units.incidence)
    workers, positions = np.nonzero(order >= 0)
    held[order[workers, positions], workers] = True
    return assignment.of_units(Assignment(held, order, order.shape[1]))


def coins_of(seed):
    """Coins that a seed of two numbers makes fall in the same way again.

    >>> coins_of((1, 2)).permutation(5) == coins_of((1, 2)).permutation(5)
    True
    """
    return Coins(generator(seed[0], 'layout', seed[1]).bytes)
